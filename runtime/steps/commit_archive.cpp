// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/commit_archive.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <set>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/json/text.hpp"
#include "base/parallel.hpp"
#include "base/regular_file.hpp"
#include "base/words.hpp"
#include "deb/control_file.hpp"
#include "runtime/sandbox/first_entry.hpp"
#include "runtime/steps/canonical_rules.hpp"
#include "runtime/steps/linked_places.hpp"
#include "runtime/trees/changes_archive.hpp"
#include "store/changes.hpp"
#include "store/environment.hpp"
#include "store/file_attributes.hpp"
#include "store/listing.hpp"
#include "store/scan.hpp"

namespace karapace::steps {

namespace {

namespace fs = std::filesystem;
using store::EntryType;

constexpr std::string_view label = "commit";

// What never gets into an archive.

struct SecretPattern {
  std::string pattern;
  std::string_view secret;
  /// What every path that matches begins with: most paths of a tree are told apart by it.
  std::string_view beginning() const { return std::string_view(pattern).substr(0, pattern.find_first_of("*?[")); }
};

std::vector<SecretPattern> secret_patterns() {
  std::vector<SecretPattern> all;
  for (const auto& rule : canonical_rules())
    if (rule.action == CanonicalAction::at_first_entry) all.push_back({std::string(rule.pattern), rule.reason});
  for (const auto& secret : sandbox::instance_secrets()) {
    std::istringstream paths{std::string(secret.paths)};
    for (std::string path; paths >> path;) {
      all.push_back({path.substr(1), secret.name});
      all.push_back({path.substr(1) + "/**", secret.name});
    }
  }
  for (const char* id : {"etc/machine-id", "var/lib/dbus/machine-id"}) all.push_back({id, ""});
  return all;
}

class Selection {
 public:
  /// `trees` are those that a session shows, bottom first.
  Selection(const store::Listing& listing, const std::vector<fs::path>& trees, CommitArchive& result)
      : result_(result), patterns_(secret_patterns()) {
    find_linked(trees);
    for (const auto& entry : listing.entries())
      if (const auto* pattern = pattern_for(entry)) note(entry, *pattern);
    // A further name of a secret is as secret.
    for (const auto& entry : listing.entries())
      if (groups_.contains(first_name(entry)) && !pattern_for(entry)) note(entry, *groups_.at(first_name(entry)));
    for (const auto& entry : listing.entries())
      if (!dropped_.contains(entry.path)) kept_.push_back(entry);
  }

  store::Listing take() { return store::Listing(std::move(kept_)); }

 private:
  static const std::string& first_name(const store::Entry& entry) {
    return entry.type == EntryType::hardlink ? entry.target : entry.path;
  }
  const SecretPattern* pattern_for(const store::Entry& entry) const {
    // That something is gone tells nothing.
    if (entry.path.empty() || entry.type == EntryType::whiteout) return nullptr;
    const auto found = std::find_if(patterns_.begin(), patterns_.end(), [&](const SecretPattern& one) {
      return entry.path.starts_with(one.beginning()) && matches(one.pattern, entry.path);
    });
    return found == patterns_.end() ? linked_pattern_for(entry) : &*found;
  }
  const SecretPattern* linked_pattern_for(const store::Entry& entry) const {
    if (const auto found = linked_.find(entry.path); found != linked_.end()) return found->second;
    for (const auto& [directory, pattern] : linked_directories_)
      if (entry.path.starts_with(directory)) return pattern;
    return nullptr;
  }
  /// A session that sees /etc/ssh as a link to /data makes its keys in /data.
  void find_linked(const std::vector<fs::path>& trees) {
    std::vector<std::string> texts;
    for (const auto& pattern : patterns_) texts.push_back(pattern.pattern);
    const auto places = linked_places(trees, texts);
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
      for (const auto& [path, is_all_below] : places[i]) {
        if (!is_all_below) linked_.emplace(path, &patterns_[i]);
        const bool is_itself = path + "/**" == patterns_[i].pattern;
        if (is_all_below && !is_itself) linked_directories_.emplace(path.empty() ? "" : path + "/", &patterns_[i]);
      }
    }
  }
  void note(const store::Entry& entry, const SecretPattern& pattern) {
    dropped_.insert(entry.path);
    if (entry.type == EntryType::regular || entry.type == EntryType::hardlink)
      groups_.emplace(first_name(entry), &pattern);
    if (!pattern.secret.empty()) result_.secrets.push_back({entry.path, pattern.secret});
  }

  CommitArchive& result_;
  std::vector<SecretPattern> patterns_;
  std::map<std::string, const SecretPattern*> linked_;              // where files are that links lead to
  std::map<std::string, const SecretPattern*> linked_directories_;  // all of what begins so
  std::set<std::string> dropped_;
  std::map<std::string, const SecretPattern*> groups_;  // of hard links, by their first name
  std::vector<store::Entry> kept_;
};

void require_no_mark(const store::Entry& entry) {
  const auto name = std::string_view(entry.path).substr(entry.path.rfind('/') + 1);
  if (name.starts_with(store::whiteout_prefix))
    throw StepError(
        fmt::format("{}: the name of \"/{}\" stands for the removal of a file in layers: give it another one", label,
                    escaped_utf8(entry.path)));
  for (const auto& xattr : entry.xattrs)
    if (store::is_foreign_mark(xattr.name))
      throw StepError(
          fmt::format("{}: \"/{}\" has the attribute {}, by which an overlay may hide files of the layers "
                      "below: remove it (setfattr -x)",
                      label, escaped_utf8(entry.path), escaped_utf8(xattr.name)));
}

// What a manifest could say.

using Packages = std::map<std::string, std::string>;  // "git:amd64" -> its version

std::optional<std::string> text_in(int tree, const char* path) {
  auto file = open_regular(tree, path, Links::refused);
  if (!file) return std::nullopt;
  return read_all(file->get(), path);
}

/// The same of the uppermost that has it. What of the layers is hidden is no matter: dpkg's files are never removed.
std::string text_below(const std::vector<fs::path>& layers, const char* path) {
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    const auto tree = open_at(AT_FDCWD, *layer, O_PATH | O_DIRECTORY);
    if (auto text = text_in(tree.get(), path)) return std::move(*text);
  }
  return "";
}

Packages installed(const std::string& status) {
  Packages all;
  for (const auto& stanza : deb::parse_stanzas(status, "dpkg's status"))
    if (stanza.value("Status").ends_with(" installed"))
      all[fmt::format("{}:{}", stanza.value("Package"), stanza.value("Architecture"))] = stanza.value("Version");
  return all;
}

class Proposing {
 public:
  Proposing(int upper, const std::vector<fs::path>& layers, const store::Listing& kept)
      : upper_(upper), layers_(layers), kept_(kept) {
    for (const auto& entry : kept.entries()) {
      if (entry.type == EntryType::hardlink) linked_.insert(entry.target);
      if (entry.type != EntryType::regular) continue;
      for (auto slash = entry.path.rfind('/'); slash != std::string::npos && slash > 0;
           slash = entry.path.rfind('/', slash - 1))
        if (!with_files_.insert(entry.path.substr(0, slash)).second) break;
    }
  }

  Proposal run(const store::Changes& changes, const CommitArchive& told) {
    proposal_.is_whole = true;
    compare_packages();
    for (const auto& change : changes.changes) explain(change, told);
    const bool says_something = !proposal_.packages.empty() || !proposal_.files.empty();
    proposal_.is_whole = proposal_.is_whole && says_something;
    return std::move(proposal_);
  }

 private:
  void compare_packages() {
    const auto status = text_in(upper_, "var/lib/dpkg/status");
    if (!status) return;
    const auto before = installed(text_below(layers_, "var/lib/dpkg/status"));
    const auto now = installed(*status);
    std::set<std::string> automatic;
    if (const auto states = text_in(upper_, "var/lib/apt/extended_states"))
      for (const auto& stanza : deb::parse_stanzas(*states, "apt's extended states"))
        if (stanza.value("Auto-Installed") == "1") automatic.emplace(stanza.value("Package"));
    for (const auto& [key, version] : before)
      if (auto found = now.find(key); found == now.end() || found->second != version) proposal_.is_whole = false;
    for (const auto& [key, version] : now) {
      if (before.contains(key)) continue;
      const auto name = key.substr(0, key.find(':'));
      note_files(name, key.substr(name.size() + 1));
      if (!automatic.contains(name)) proposal_.packages.push_back(name);
    }
    has_new_packages_ = !proposal_.packages.empty();
  }

  void note_files(const std::string& name, const std::string& architecture) {
    for (const auto& stem : {name, name + ":" + architecture}) {
      const auto list = text_in(upper_, fmt::format("var/lib/dpkg/info/{}.list", stem).c_str());
      if (!list) continue;
      for (const auto line : lines(*list))
        if (line.size() > 1) of_packages_.emplace(line.substr(1));
    }
  }

  /// dpkg's lists name files by the places that they had before /bin, /lib and /sbin became links to /usr.
  bool is_of_a_package(const std::string& path) const {
    return of_packages_.contains(path) || (path.starts_with("usr/") && of_packages_.contains(path.substr(4)));
  }

  /// What scripts of packages make, and make again wherever they are installed.
  bool is_of_an_installation(const store::Change& change) const {
    constexpr std::array<std::string_view, 8> places = {
        "var/lib/dpkg/",     "var/lib/apt/", "var/cache/",       "var/log/",
        "etc/alternatives/", "etc/systemd/", "var/lib/systemd/", "etc/rc"};
    constexpr std::array<std::string_view, 9> files = {"etc/passwd",  "etc/passwd-",  "etc/group",
                                                       "etc/group-",  "etc/shadow",   "etc/shadow-",
                                                       "etc/gshadow", "etc/gshadow-", "etc/ld.so.cache"};
    const auto& path = change.path;
    if (!has_new_packages_) return false;
    if (is_of_a_package(path) || std::find(files.begin(), files.end(), path) != files.end()) return true;
    if (std::any_of(places.begin(), places.end(), [&](auto place) { return path.starts_with(place); })) return true;
    const auto* entry = kept_.find(path);
    if (entry && entry->type == EntryType::symlink && entry->target.starts_with("/etc/alternatives/")) return true;
    return leaves_out(rule_for(path, entry ? entry->target : ""));
  }

  void explain(const store::Change& change, const CommitArchive& told) {
    if (is_of_an_installation(change)) return;
    const auto* entry = kept_.find(change.path);
    const bool is_there = change.kind == store::ChangeKind::added || change.kind == store::ChangeKind::modified;
    if (entry && is_there && is_plain(*entry, told)) {
      proposal_.files.push_back({"/" + entry->path, entry->mode});
      return;
    }
    const bool is_plain_directory = entry && change.kind == store::ChangeKind::added &&
                                    entry->type == EntryType::directory && entry->mode == 0755 && is_roots(*entry) &&
                                    with_files_.contains(entry->path);
    const bool is_secret = !entry && is_there;
    if (!is_plain_directory && !is_secret) proposal_.is_whole = false;
  }

  static bool is_roots(const store::Entry& entry) {
    return entry.uid == 0 && entry.gid == 0 && entry.xattrs.empty() && !entry.opaque;
  }
  /// A file that a manifest's lines can name as they are: no name becomes a line or a key of its own.
  bool is_plain(const store::Entry& entry, const CommitArchive& told) const {
    const bool is_confined = std::binary_search(told.confined.begin(), told.confined.end(), entry.path);
    return entry.type == EntryType::regular && is_roots(entry) && !is_confined && !linked_.contains(entry.path) &&
           is_printable(entry.path) && find_invalid_utf8(entry.path) == std::string::npos &&
           entry.path.find_first_of("\"\\\n\t") == std::string::npos;
  }
  int upper_;
  const std::vector<fs::path>& layers_;
  const store::Listing& kept_;
  std::set<std::string, std::less<>> of_packages_;
  std::set<std::string> linked_;      // files that have other names
  std::set<std::string> with_files_;  // directories above files
  bool has_new_packages_ = false;
  Proposal proposal_;
};

std::vector<fs::path> layer_trees(const store::Store& store, const EnvironmentId& id) {
  const auto environment = store::find_environment(store, id);
  if (!environment)
    throw NotFoundError(fmt::format("{}: the environment {} of this instance is not in the store; build it again",
                                    label, id.short_hex()));
  std::vector<fs::path> trees;
  for (const auto& layer : environment->layers) trees.push_back(store.layer_tree(layer));
  return trees;
}

/// Those of a person.
store::Changes changes_of(int upper, const std::vector<fs::path>& layers, const store::Scaffold& scaffold,
                          store::Owners owners) {
  store::ChangesOptions options;
  options.owners = owners;
  options.label = label;
  options.threads = available_threads();
  options.scaffold = scaffold;
  return store::find_changes(upper, layers, options);
}

store::Listing listing_of(int upper, const store::Scaffold& scaffold, store::Owners owners, CommitArchive& result) {
  const auto untouched = store::untouched_scaffold(upper, scaffold);
  std::mutex mutex;
  store::ScanOptions options;
  options.owners = owners;
  options.label = label;
  options.records = store::Records::of_sessions;
  options.threads = available_threads();
  options.include = [&](std::string_view path) {
    return !std::binary_search(untouched.begin(), untouched.end(), path);
  };
  options.left_out = [&](std::string_view path) {
    const std::lock_guard guard(mutex);
    result.sockets.emplace_back(path);
  };
  auto listing = store::scan(upper, options);
  std::sort(result.sockets.begin(), result.sockets.end());
  return listing;
}

}  // namespace

CommitArchive write_commit_archive(const store::Store& store, const store::Instance& instance, sandbox::IdMode mode,
                                   int output) {
  const auto owners = mode == sandbox::IdMode::single ? store::Owners::ignore : store::Owners::from_disk;
  const auto layers = layer_trees(store, instance.current.environment);
  const auto scaffold = store::read_scaffold(instance.current);
  const auto upper = open_at(AT_FDCWD, instance.upper(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  CommitArchive result;
  const auto changes = changes_of(upper.get(), layers, scaffold, owners);
  auto shown = layers;
  shown.push_back(instance.upper());
  const auto kept = Selection(listing_of(upper.get(), scaffold, owners, result), shown, result).take();
  for (const auto& entry : kept.entries()) require_no_mark(entry);
  result.changes = static_cast<std::uint64_t>(
      std::count_if(changes.changes.begin(), changes.changes.end(), [&](const store::Change& change) {
        const bool is_gone = change.kind == store::ChangeKind::removed;
        return is_gone || kept.find(change.path) != nullptr;
      }));
  if (result.changes == 0) return result;
  const auto look = [&](const store::Entry& entry, std::string_view bytes) {
    const bool is_hidden = (entry.mode & 07) == 0 && entry.size > 0;
    if (is_hidden || bytes.find("PRIVATE KEY-----") != bytes.npos) result.confined.push_back(entry.path);
  };
  trees::pack_changes(
      {.tree = upper.get(), .listing = kept, .output = output, .label = std::string(label), .look = look});
  result.proposal = Proposing(upper.get(), layers, kept).run(changes, result);
  return result;
}

}  // namespace karapace::steps
