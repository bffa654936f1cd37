// SPDX-License-Identifier: Apache-2.0
#include "generator/project/graph_side.hpp"

#include <algorithm>
#include <future>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "generator/graph/diff/side.hpp"
#include "generator/graph/graph_reader.hpp"
#include "generator/graph/ninja_text.hpp"
#include "generator/graph/quoting.hpp"
#include "generator/lock/intent.hpp"
#include "generator/lock/lock_file.hpp"
#include "generator/project/git_revision.hpp"
#include "generator/project/locked_release.hpp"
#include "generator/project/project.hpp"
#include "store/identifiers.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

// Lock files: the locks that lie in a tree of files, wherever its bytes come from.

struct LockFile {
  fs::path manifest;  // relative to the tree
  fs::path path;      // so too
};

struct FoundLocks {
  std::vector<LockFile> locks;
  std::vector<fs::path> unlocked;  // karapace.toml files without a lock
};

struct LockText {
  LockFile file;
  std::string text;
};

bool contains(const std::vector<fs::path>& sorted, const fs::path& path) {
  return std::binary_search(sorted.begin(), sorted.end(), path);
}

/// The locks with a manifest beside them among `files` (sorted). Others' lock files are taken for candidates, too: see
/// `is_lock`.
FoundLocks find_lock_files(const std::vector<fs::path>& files) {
  FoundLocks found;
  for (const auto& file : files) {
    if (file.filename() == "karapace.toml" && !contains(files, lock::lock_path(file))) found.unlocked.push_back(file);
    if (file.extension() != ".lock") continue;
    auto manifest = file;
    manifest.replace_extension(".toml");
    if (!contains(files, manifest)) manifest.replace_extension();
    if (contains(files, manifest)) found.locks.push_back({manifest, file});
  }
  return found;
}

/// Tells our locks from those that other programs keep beside a NAME.toml. Everything called karapace.lock is ours.
bool is_lock(const LockFile& file, std::string_view text) {
  if (file.path.filename() == "karapace.lock") return true;
  return text.starts_with('{') && text.find("\"base_image\"") != std::string_view::npos;
}

/// The side that these locks give. `root`: what the files are relative to, for the names of projects.
diff::GraphSide side_of_locks(std::string title, const std::vector<LockText>& locks, const fs::path& root) {
  std::vector<lock::Lock> parsed(locks.size());
  std::vector<std::string> canonical(locks.size());
  for_each_index(locks.size(), available_threads(), [&](std::size_t i) {
    parsed[i] =
        lock::parse_lock(locks[i].text, fmt::format("{}: {}", title, escaped_utf8(locks[i].file.path.native())));
    canonical[i] = lock::serialise(parsed[i]);
  });
  diff::GraphSide side;
  graph::Planner planner;
  for (std::size_t i = 0; i < locks.size(); ++i) {
    auto step = planner.add(parsed[i], canonical[i]).back();
    planner.add_release(parsed[i], step);
    const auto& manifest = locks[i].file.manifest;
    side.environments.push_back({project_name((root / manifest).lexically_normal()), manifest.native(),
                                 EnvironmentId(blake3(canonical[i])), step, std::move(parsed[i])});
  }
  side.graph = std::move(planner).finish();
  side.title = std::move(title);
  return side;
}

// Names of environments.

constexpr std::string_view alias = ": phony";
constexpr std::string_view step_prefix = " $steps/";
constexpr std::size_t key_digits = 2 * Digest::size;

/// What graph::append_ninja_path made of a name.
std::string unescaped(std::string_view path) {
  std::string name;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '$' && i + 1 < path.size()) ++i;
    name += path[i];
  }
  return name;
}

/// "build NAME: phony $steps/KEY $steps/KEY"
void read_alias(std::string_view line, std::multimap<StepKey, std::string>& names) {
  auto end = line.find(alias);
  if (end == std::string_view::npos) return;
  auto name = unescaped(line.substr(0, end));
  for (auto rest = line.substr(end + alias.size()); rest.starts_with(step_prefix);) {
    rest.remove_prefix(step_prefix.size());
    if (auto key = StepKey::from_hex(rest.substr(0, key_digits))) names.emplace(*key, name);
    rest.remove_prefix(std::min(key_digits, rest.size()));
  }
}

std::multimap<StepKey, std::string> names_in(std::string_view local) {
  constexpr std::string_view build = "build ";
  std::multimap<StepKey, std::string> names;
  for (auto line : lines(local)) {
    if (line.starts_with(build)) read_alias(line.substr(build.size()), names);
  }
  return names;
}

// Graph names: what a build directory's .karapace/local.ninja calls the environments of its graph.

/// Each environment of the graph, in its order, once per name that it has; without a name when `local` (the text of
/// local.ninja, perhaps empty) tells none.
std::vector<diff::EnvironmentState> named_environments(const graph::Graph& graph, std::string_view local) {
  auto names = names_in(local);
  std::vector<diff::EnvironmentState> environments;
  for (const auto& edge : graph.edges) {
    if (edge.step.kind != StepKind::environment) continue;
    auto id = EnvironmentId::from_hex(edge.step.parameter("lock").value_or(""));
    if (!id) throw GraphError("the graph has an environment without a lock");
    auto [begin, end] = names.equal_range(edge.key);
    if (begin == end) environments.push_back({"", "", *id, edge.key, std::nullopt});
    for (auto name = begin; name != end; ++name)
      environments.push_back({name->second, "", *id, edge.key, std::nullopt});
  }
  return environments;
}

// A side, and what may be read later to explain it.
struct Opened {
  diff::GraphSide side;
  std::optional<fs::path> build_directory;  // whose .karapace/locks may have the locks
};

diff::GraphSide graph_side(std::string title, std::string_view text, const std::optional<fs::path>& build_directory) {
  diff::GraphSide side;
  side.graph = graph::read_graph(text, title);
  auto local = build_directory ? read_file_if_exists(*build_directory / graph::local_file) : std::nullopt;
  side.environments = named_environments(side.graph, local.value_or(""));
  side.title = std::move(title);
  return side;
}

void note_unlocked(diff::GraphSide& side, const std::vector<fs::path>& manifests) {
  for (const auto& manifest : manifests) {
    side.notes.push_back(
        fmt::format("{}: {} has no lock and is left out", side.title, escaped_utf8(manifest.native())));
  }
}

/// Why the lock that lies beside this manifest does not tell what the manifest asks for; empty when it does.
std::string staleness(const fs::path& manifest, const lock::Lock& lock, const fs::path& cache) {
  try {
    const auto wanted = wanted_intent(open_project(manifest, manifest.parent_path()), lock.release, cache);
    if (lock::differences(lock::intent_of(lock), wanted).empty()) return "";
    return "asks for other things than its lock has, which is what is compared: run `karapace lock` first";
  } catch (const Error& error) {
    return fmt::format("can not be compared with its lock, which may be out of date: {}", error.what());
  }
}

/// `shown`: how a person calls `root`.
void note_stale(diff::GraphSide& side, const fs::path& root, const fs::path& shown, const fs::path& cache) {
  std::vector<std::string> notes(side.environments.size());
  for_each_index(notes.size(), available_threads(), [&](std::size_t i) {
    const auto& environment = side.environments[i];
    auto why = staleness((root / environment.place).lexically_normal(), *environment.lock, cache);
    if (!why.empty()) notes[i] = fmt::format("{} {}", escaped_utf8((shown / environment.place).native()), why);
  });
  std::copy_if(notes.begin(), notes.end(), std::back_inserter(side.notes),
               [](const auto& note) { return !note.empty(); });
}

/// All regular files below, without what is hidden.
std::vector<fs::path> walk(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code error;  // what can not be read is left out
  fs::recursive_directory_iterator entry(directory, fs::directory_options::skip_permission_denied, error), end;
  for (; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    bool hidden = entry->path().filename().native().starts_with('.');
    if (hidden && entry->is_directory(ignored)) entry.disable_recursion_pending();
    if (!hidden && entry->is_regular_file(ignored)) files.push_back(entry->path().lexically_relative(directory));
  }
  std::sort(files.begin(), files.end());
  return files;
}

FoundLocks locks_below(const fs::path& directory) {
  if (auto files = files_of_work_tree(directory)) {
    std::erase_if(*files, [&](const fs::path& file) { return !fs::is_regular_file(directory / file); });
    auto found = find_lock_files(*files);
    if (!found.locks.empty() || !found.unlocked.empty()) return found;
  }
  return find_lock_files(walk(directory));
}

std::vector<LockText> read_locks(const std::vector<LockFile>& files, const fs::path& root) {
  std::vector<LockText> locks;
  for (const auto& file : files) {
    LockText lock{file, read_file(root / file.path)};
    if (is_lock(file, lock.text)) locks.push_back(std::move(lock));
  }
  return locks;
}

/// Leaves the locks (of files below `root`) that the graph in the build directory is written from. All of them when it
/// was written elsewhere, and has none of these.
void keep_sources(FoundLocks& found, const fs::path& root, const fs::path& build_directory) {
  auto local = read_file_if_exists(build_directory / graph::local_file).value_or("");
  auto is_other = [&](const fs::path& file) {
    std::string line = "\nbuild ";
    graph::append_ninja_path(line, (root / file).lexically_normal().native());
    return local.find(line + ": phony\n") == std::string::npos;
  };
  auto is_other_lock = [&](const LockFile& lock) { return is_other(lock.path); };
  if (std::all_of(found.locks.begin(), found.locks.end(), is_other_lock)) return;
  std::erase_if(found.locks, is_other_lock);
  std::erase_if(found.unlocked, is_other);
}

// What a word stands for is found at once; it is read when both sides are known to stand for something.
class Opening {
 public:
  Opening(std::string word, fs::path working_directory, fs::path cache)
      : word_(std::move(word)), working_directory_(std::move(working_directory)), cache_(std::move(cache)) {
    auto path = working_directory_ / word_;
    std::error_code ignored;
    if (fs::exists(path, ignored)) {
      path_ = path.lexically_normal();
      return;
    }
    revision_ = GitRevision::find(word_, working_directory_);
    auto colon = word_.find(':');
    if (!revision_ && colon != std::string::npos) {
      revision_ = GitRevision::find(word_.substr(0, colon), working_directory_);
      if (revision_) place_ = revision_->inside(word_.substr(colon + 1));
    }
    if (!revision_) refuse();
  }

  const std::optional<fs::path>& path() const noexcept { return path_; }

  /// `other`: the path of the other side, which a bare revision then means.
  Opened run(const std::optional<fs::path>& other) const {
    if (path_) {
      std::error_code ignored;
      return fs::is_directory(*path_, ignored) ? directory(word_, *path_, Missing::refused, cache_) : file(*path_);
    }
    return place_ ? place_in(*revision_, *place_, Missing::refused) : whole_revision(*revision_, other);
  }

  static Opened working_state(const fs::path& working_directory, const fs::path& cache) {
    return directory("working directory", working_directory, Missing::empty, cache);
  }

 private:
  enum class Missing { refused, empty };

  [[noreturn]] void refuse() const {
    throw NotFoundError(
        fmt::format("there is no file, directory or git revision \"{}\" (CI often fetches a single commit: "
                    "fetch the history, too)",
                    word_));
  }

  static Opened directory(const std::string& title, fs::path path, Missing missing, const fs::path& cache) {
    if (!path.has_filename()) path = path.parent_path();
    auto found = locks_below(path);
    auto locks = read_locks(found.locks, path);
    if (locks.empty()) {
      auto build = read_file_if_exists(path / "build.ninja");
      if (build && build->starts_with(graph::graph_marker)) return {graph_side(title, *build, path), path};
    }
    if (locks.empty() && missing == Missing::refused) {
      if (found.unlocked.empty()) throw NotFoundError(fmt::format("{} has neither a lock nor a graph", title));
      throw LockError(fmt::format("{}/{} has no lock: make it with `karapace lock`", title,
                                  escaped_utf8(found.unlocked[0].native())));
    }
    Opened opened{side_of_locks(title, locks, path), std::nullopt};
    note_unlocked(opened.side, found.unlocked);
    note_stale(opened.side, path, missing == Missing::refused ? fs::path(title).lexically_normal() : fs::path(), cache);
    return opened;
  }

  Opened file(const fs::path& path) const {
    // Named by a person: also a pipe, such as <(git show ...).
    auto text = read_all(open_at(AT_FDCWD, path, O_RDONLY).get(), fmt::format("\"{}\"", escaped_utf8(path.native())));
    if (text.starts_with(graph::graph_marker)) return {graph_side(word_, text, path.parent_path()), path.parent_path()};
    auto root = path.parent_path();
    bool is_manifest = !text.starts_with('{');
    LockFile file{path.filename(), path.filename()};
    if (is_manifest) {
      file.path = lock::lock_path(path.filename());
      auto lock = read_file_if_exists(root / file.path);
      if (!lock) throw LockError(fmt::format("{} has no lock: make it with `karapace lock`", word_));
      text = std::move(*lock);
    }
    Opened opened{side_of_locks(word_, {{file, std::move(text)}}, root), std::nullopt};
    if (is_manifest) note_stale(opened.side, root, fs::path(word_).parent_path(), cache_);
    return opened;
  }

  Opened whole_revision(const GitRevision& revision, const std::optional<fs::path>& other) const {
    if (!other) return place_in(revision, revision.inside("."), Missing::empty);
    auto place = revision.inside(*other);
    // The other side's build directory is seldom in the repository: what it was made from is.
    auto graph = fs::is_directory(*other) ? *other / "build.ninja" : *other;
    bool is_graph = fs::is_regular_file(graph) && read_file(graph).starts_with(graph::graph_marker);
    if (!is_graph || !revision.files(place).empty()) return place_in(revision, place, Missing::empty);
    place = revision.inside(".");
    return directory_in(revision, revision.files(place), place, graph.parent_path());
  }

  Opened place_in(const GitRevision& revision, const fs::path& place, Missing missing) const {
    auto files = revision.files(place);
    if (files.empty() && missing == Missing::refused) {
      throw NotFoundError(fmt::format("there is no \"{}\" in that revision ({})", escaped_utf8(place.native()), word_));
    }
    bool is_file = files.size() == 1 && files[0].path == place;
    return is_file ? file_in(revision, files[0]) : directory_in(revision, files, place);
  }

  Opened file_in(const GitRevision& revision, const GitRevision::File& file) const {
    auto text = revision.read({file})[0];
    if (text.starts_with(graph::graph_marker)) return {graph_side(word_, text, std::nullopt), std::nullopt};
    LockFile names{file.path.filename(), file.path.filename()};
    if (!text.starts_with('{')) {
      auto locks = revision.files(lock::lock_path(file.path));
      if (locks.empty())
        throw LockError(fmt::format("{}: {} has no lock there", word_, escaped_utf8(file.path.native())));
      names.path = lock::lock_path(names.manifest);
      text = revision.read({locks[0]})[0];
    }
    return {side_of_locks(word_, {{names, std::move(text)}}, revision.root() / file.path.parent_path()), std::nullopt};
  }

  /// `made_into`: a build directory; the locks that its graph was made from are meant then, as far as it tells them.
  Opened directory_in(const GitRevision& revision, const std::vector<GitRevision::File>& files, const fs::path& place,
                      const std::optional<fs::path>& made_into = std::nullopt) const {
    auto relative = [&](const fs::path& path) { return place.empty() ? path : path.lexically_relative(place); };
    std::vector<fs::path> paths;
    for (const auto& file : files) paths.push_back(relative(file.path));
    std::sort(paths.begin(), paths.end());
    auto found = find_lock_files(paths);
    if (made_into) keep_sources(found, revision.root() / place, *made_into);
    std::vector<GitRevision::File> wanted;
    for (const auto& lock : found.locks) wanted.push_back(file_at(files, place / lock.path));
    auto texts = wanted.empty() ? std::vector<std::string>() : revision.read(wanted);
    std::vector<LockText> locks;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (is_lock(found.locks[i], texts[i])) locks.push_back({found.locks[i], std::move(texts[i])});
    }
    if (locks.empty() && std::binary_search(paths.begin(), paths.end(), "build.ninja")) {
      auto build = revision.read({file_at(files, place / "build.ninja")})[0];
      if (build.starts_with(graph::graph_marker)) return {graph_side(word_, build, std::nullopt), std::nullopt};
    }
    Opened opened{side_of_locks(word_, locks, revision.root() / place), std::nullopt};
    note_unlocked(opened.side, found.unlocked);
    return opened;
  }

  static const GitRevision::File& file_at(const std::vector<GitRevision::File>& files, const fs::path& path) {
    return *std::lower_bound(files.begin(), files.end(), path,
                             [](const GitRevision::File& file, const fs::path& wanted) { return file.path < wanted; });
  }

  std::string word_;
  fs::path working_directory_;
  fs::path cache_;
  std::optional<fs::path> path_;         // when it is one; else
  std::optional<GitRevision> revision_;  // the revision, and
  std::optional<fs::path> place_;        // where in it, when that was said
};

/// The locks that gen keeps beside a graph, of the environments that the other side does not have. A file with other
/// bytes than its name says is no such lock.
void load_locks(Opened& opened, const diff::GraphSide& other) {
  if (!opened.build_directory) return;
  std::set<EnvironmentId> known;
  for (const auto& environment : other.environments) known.insert(environment.id);
  auto& environments = opened.side.environments;
  for_each_index(environments.size(), available_threads(), [&](std::size_t i) {
    auto& environment = environments[i];
    if (environment.lock || known.contains(environment.id)) return;
    auto name = environment.id.hex() + ".json";
    auto text = read_file_if_exists(*opened.build_directory / ".karapace/locks" / name);
    if (text && blake3(*text) == environment.id.digest()) environment.lock = lock::parse_lock(*text, name);
  });
}

}  // namespace

diff::GraphSide read_build_directory(const fs::path& directory, const diff::GraphSide& other) {
  auto path = directory / "build.ninja";
  Opened opened{graph_side(path.filename().native(), read_file(path), directory), directory};
  load_locks(opened, other);
  return std::move(opened.side);
}

GraphSides open_sides(const std::string& before, const std::optional<std::string>& after,
                      const fs::path& working_directory, const fs::path& cache) {
  Opening first(before, working_directory, cache);
  std::optional<Opening> second;
  if (after) second.emplace(*after, working_directory, cache);
  auto old = std::async(std::launch::async, [&] { return first.run(second ? second->path() : std::nullopt); });
  auto now = second ? second->run(first.path()) : Opening::working_state(working_directory, cache);
  auto earlier = old.get();
  if (earlier.side.environments.empty() && now.side.environments.empty()) {
    throw NotFoundError(fmt::format("there is no lock and no graph in {} and in {}: make locks with `karapace lock`",
                                    earlier.side.title, now.side.title));
  }
  load_locks(earlier, now.side);
  load_locks(now, earlier.side);
  return {std::move(earlier.side), std::move(now.side)};
}

diff::GraphSide open_side(const std::string& word, const fs::path& working_directory, const fs::path& cache) {
  auto side = Opening(word, working_directory, cache).run(std::nullopt).side;
  if (!side.environments.empty()) return side;
  throw NotFoundError(fmt::format("there is no lock and no graph in {}: make locks with `karapace lock`", side.title));
}

}  // namespace karapace::project
