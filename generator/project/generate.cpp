// SPDX-License-Identifier: Apache-2.0
#include "generator/project/generate.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/file_lock.hpp"
#include "base/parallel.hpp"
#include "base/sibling_programs.hpp"
#include "base/words.hpp"
#include "generator/graph/cmake_text.hpp"
#include "generator/graph/edge_arguments.hpp"
#include "generator/graph/pack_plan.hpp"
#include "generator/lock/lock_file.hpp"
#include "generator/project/base_archive.hpp"
#include "generator/project/build_directory.hpp"
#include "generator/project/control_files.hpp"
#include "generator/project/locked_image.hpp"
#include "generator/project/locked_release.hpp"
#include "generator/project/release_clashes.hpp"
#include "store/environment.hpp"
#include "store/graph_files.hpp"
#include "store/root.hpp"
#include "store/shown.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

// More downloads at once help no mirror; more installs than processors only take memory from each other.
using Times = std::map<fs::path, std::int64_t>;  // modification times

constexpr std::int64_t a_moment_ns = 2'000'000'000;  // file systems and clocks of servers are no more exact

std::int64_t now_ns() {
  struct timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::string future_note(const fs::path& source) {
  return fmt::format(
      "{} is dated in the future, and so is the graph: until then ninja sees no other change; `touch` it and run "
      "karapace "
      "gen again",
      escaped_utf8(source.native()));
}

fs::path without_final_slash(const fs::path& path) {
  auto normal = path.lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

class Generation {
 public:
  explicit Generation(const GenerateRequest& request)
      : request_(request),
        store_(store::Store::open(request.lock.paths.store, store::Store::Access::create)),
        directory_(judged_place(), judge()),
        files_of_edges_(store_, directory_.path(), graph_file()) {
    if (request.form == GraphForm::cmake && request.manifests.size() != 1) {
      throw UsageError("gen: --cmake is for one manifest");
    }
  }

  Generated run(std::vector<Project> projects) {
    for (auto& project : projects) add(std::move(project));
    projects.clear();
    prepare();
    if (!is_there_already()) write();
    for (const auto& source : from_the_future_) result_.notes.push_back(future_note(source));
    return std::move(result_);
  }

 private:
  /// What the graph names, and its text: all that takes long.
  void prepare() {
    const auto asked = mirrors();
    for (const auto& image : images_) {
      auto places = places_of(image.locked, image.location, image.directory, asked);
      for (auto& [digest, all] : places) {
        auto& known = files_[digest];
        for (auto& place : all)
          if (std::find(known.begin(), known.end(), place) == known.end()) known.push_back(std::move(place));
      }
    }
    auto sources = resolve::mirrors_text(asked, files_);
    mirrors_ = files_of_edges_.add("mirrors-" + blake3(sources).short_hex() + ".json", sources);
    graph::Graph graph = std::move(planner_).finish();
    have_absent_inputs_made(store_, graph);
    result_.edges = graph.edges.size();
    if (request_.form == GraphForm::ninja) {
      prepare_ninja(graph);
    } else {
      prepare_cmake(std::move(graph));
    }
    auto directory = fs::canonical(directory_.path());
    for (auto& root : roots_) {
      root.graphs = {{directory, believed_in(store::canonical_manifest(root.manifest).parent_path()), root.name}};
      root.graphs.front().sources.push_back(directory / graph_file());
    }
  }

  /// Then nothing is written, and no session or other gen is kept waiting.
  bool is_there_already() const {
    const bool are_known = std::all_of(roots_.begin(), roots_.end(),
                                       [&](const store::Root& root) { return store::has_root(store_, root); });
    if (!are_known || !files_of_edges_.are_kept()) return false;
    return request_.form == GraphForm::ninja ? directory_.has_graph(graph_text_, local_text_, newest_source_ns_)
                                             : directory_.has_cmake(graph_text_, local_text_);
  }

  void write() {
    const auto staging = store_.stage();
    const auto staged = stage_roots(staging.path());
    {
      const auto only_one = lock_graphs();
      judged_place();          // again, as locking may have taken minutes
      register_roots(staged);  // before anything can be built that gc would take for garbage
      try {
        write_all(only_one);
      } catch (...) {
        withdraw_roots();
        throw;
      }
    }
    store::sync_roots(store_);
  }

  /// The lock says that no session begins meanwhile.
  void write_all(const FileLock&) {
    files_of_edges_.keep();
    if (request_.form == GraphForm::ninja) {
      auto written = directory_.write_graph(graph_text_, local_text_, newest_source_ns_);
      result_.changed = written.changed;
      result_.touched = written.touched;
    } else {
      result_.changed = result_.touched = directory_.write_cmake(graph_text_, local_text_);
    }
    files_of_edges_.finish();
  }

  void add(Project project) {
    if (!seen_.insert(project.manifest_path).second) return;
    if (request_.name) project.name = *request_.name;
    auto read_at = times_before_reading(project);
    auto locked = bring_lock_up_to_date(project, request_.lock);
    if (locked.state != LockState::unchanged) read_at[project.lock_path] = modified_ns(project.lock_path).value_or(0);
    EnvironmentId id(blake3(locked.canonical));
    auto steps = planner_.add(locked.lock, locked.canonical);
    const auto environment = steps.back();
    const auto release = planner_.add_release(locked.lock, environment);
    if (release) {
      refuse_known_clashes(project, *locked.lock.release, *release, store_);
      import_sources(project, *locked.lock.release, store_);
      steps.insert(steps.end() - 1, release->steps.begin(), release->steps.end());  // the environment's is the last
      for (const auto& [digest, place] : places_of_sources(project, *locked.lock.release)) files_[digest] = {place};
    }
    directory_.add_lock(id, locked.canonical);
    files_[id.hex()] = {files_of_edges_.add(id.hex() + ".json", locked.canonical).native()};
    auto lock_modified = read_at[project.lock_path];
    add_sources(project, locked.lock, read_at);
    add_repositories(project.manifest, locked.lock);
    for (const auto& watched : locked.watched) add_source(watched.first, locked.watched);
    std::size_t packages = locked.lock.base.size() + locked.lock.packages.size();
    result_.environments.push_back({project.name, project.manifest_path, id, environment, packages, locked.state,
                                    std::move(locked.notes), release});
    roots_.push_back({.name = project.name,
                      .manifest = project.manifest_path,
                      .environment = id,
                      .manifest_mtime_ns = project.manifest_modified_ns,
                      .lock_mtime_ns = lock_modified,
                      .steps = std::move(steps)});
  }

  /// When what is read to bring the lock up to date was changed last. Taken before: an edit while we read and resolve,
  /// perhaps for minutes, makes its file newer than the graph.
  static Times times_before_reading(const Project& project) {
    Times times = {{project.manifest_path, project.manifest_modified_ns},
                   {project.lock_path, modified_ns(project.lock_path).value_or(0)}};
    auto note = [&](const std::string& name) {
      auto path = (project.directory() / name).lexically_normal();
      times.emplace(path, modified_ns(path).value_or(0));
    };
    for (const auto& file : project.manifest.files) note(file.source);
    for (const auto& layer : project.manifest.layers) note(layer.archive);
    for (const auto& repository : project.manifest.repositories) note(repository.key);
    return times;
  }

  /// CMake follows links before us, and its own files lie there as well.
  OwnDirectory::WrittenBySessions judge() const {
    if (request_.form == GraphForm::cmake) return {};
    std::vector<fs::path> projects;
    std::error_code error;
    for (const auto& manifest : request_.manifests) {
      auto path = fs::canonical(request_.working_directory / manifest, error);
      if (!error) projects.push_back(fs::is_directory(path) ? path : path.parent_path());
    }
    return in_projects(store_, std::move(projects));
  }

  void add_arguments(const graph::Edge& edge) {
    files_of_edges_.add(edge.key.hex(), graph::arguments_file_text(edge, store_.root(), mirrors_));
  }

  /// What a running session shows of a project it covers when it begins: a graph that appears later could be written by
  /// it. Graphs that the store knows and that are there were there when it began (store::forget_lost_graphs).
  fs::path judged_place() const {
    auto place = without_final_slash(request_.working_directory / request_.directory);
    const auto real = fs::weakly_canonical(place);
    const auto shown = store::shown_above(store_, real);
    if (shown && !(::access((real / graph_file()).c_str(), F_OK) == 0 && is_known(real)) && !is_covered(real))
      throw Error(
          fmt::format("gen: a session runs that may write to {}, and could change the new graph in {}: end it first",
                      escaped_utf8(shown->native()), escaped_utf8(place.native())));
    return place;
  }

  bool is_known(const fs::path& directory) const {
    return std::any_of(request_.manifests.begin(), request_.manifests.end(), [&](const fs::path& manifest) {
      auto path = request_.working_directory / manifest;
      const auto root = store::find_root(store_, fs::is_directory(path) ? path / "karapace.toml" : path);
      return root && std::any_of(root->graphs.begin(), root->graphs.end(), [&](const store::GraphPlace& graph) {
               const auto& files = graph.sources;
               return graph.directory == directory &&
                      std::find(files.begin(), files.end(), directory / graph_file()) != files.end();
             });
    });
  }

  /// Below a `.karapace` that sessions see covered as a whole: that of a known graph.
  bool is_covered(const fs::path& directory) const {
    const auto own = std::find(directory.begin(), directory.end(), own_name);
    if (own == directory.end()) return false;
    fs::path above;
    for (auto part = directory.begin(); part != own; ++part) above /= *part;
    return is_known(above);
  }

  std::string graph_file() const {
    return request_.form == GraphForm::ninja ? "build.ninja" : std::string(graph::cmake_steps_file);
  }

  FileLock lock_graphs() const {
    constexpr std::chrono::seconds patience{60};
    if (auto lock = store::lock_graphs(store_, LOCK_EX, patience)) return std::move(*lock);
    throw Error(
        "gen: for 60 seconds a session has been at its beginning, or another gen at work: is one stopped? `lslocks` "
        "names "
        "who holds \"graphs\" in the store; continue it (kill -CONT) or end it");
  }

  void prepare_ninja(const graph::Graph& graph) {
    for (const auto& edge : graph.edges) {
      if (graph::has_arguments_file(edge)) add_arguments(edge);
    }
    graph_text_ = graph::ninja_text(graph);
    local_text_ = graph::local_text(local());
  }

  void prepare_cmake(graph::Graph graph) {
    for (auto& edge : graph.edges) {
      edge.hints.push_back({"link", graph::link_name(edge)});
      add_arguments(edge);
    }
    graph_text_ = graph::cmake_text(graph);
    auto local = cmake_local(graph);
    add_packs(graph, local);
    local_text_ = graph::cmake_local_text(std::move(local));
  }

  /// karapace_image() declares those that it is asked for.
  void add_packs(const graph::Graph& graph, graph::CMakeLocal& local) {
    const auto& key = result_.environments.front().step;
    const auto is_it = [&](const graph::Edge& edge) { return edge.key == key; };
    const auto& environment = *std::find_if(graph.edges.begin(), graph.edges.end(), is_it);
    const std::set<StepKey> inputs(environment.step.inputs.begin(), environment.step.inputs.end());
    for (const auto& edge : graph.edges)
      if (inputs.contains(edge.key)) local.layers.push_back(edge);
    for (const char* compression : {"zstd", "gzip"}) {
      for (const bool squashed : {false, true}) {
        graph::CMakePacks packs{squashed ? fmt::format("squashed_{}", compression) : compression, {}};
        const graph::PackOptions options{
            .compression = compression, .most_layers = squashed ? 1U : 0U, .kept_layers = kept_layers_};
        for (auto& pack : graph::plan_packs(environment.step, options)) {
          const auto subject =
              pack.count == 1 ? "layer " + pack.step.inputs.front().short_hex() : counted(pack.count, "layer");
          graph::Edge edge{.step = std::move(pack.step), .key = pack.key, .subject = subject, .location = {}};
          edge.hints.push_back({"link", graph::link_name(edge)});
          add_arguments(edge);
          packs.edges.push_back(std::move(edge));
        }
        local.packs.push_back(std::move(packs));
      }
    }
  }

  /// A damaged one is replaced.
  std::optional<store::Root> old_root(const store::Root& root) const {
    try {
      return store::find_root(store_, root.manifest);
    } catch (const StoreError&) {
      return std::nullopt;
    }
  }

  /// Roots are durable: many threads let the file system write many at once.
  std::vector<store::StagedRoot> stage_roots(const fs::path& directory) const {
    constexpr unsigned at_once = 32;
    std::vector<store::StagedRoot> staged(roots_.size());
    for_each_index(roots_.size(), at_once, [&](std::size_t index) {
      staged[index] = store::stage_root(store_, roots_[index], directory / fmt::format("root-{}", index));
    });
    return staged;
  }

  void register_roots(const std::vector<store::StagedRoot>& staged) {
    before_.resize(roots_.size());
    for (std::size_t i = 0; i < roots_.size(); ++i) {
      before_[i] = old_root(roots_[i]);
      store::add_root(store_, roots_[i], staged[i]);
    }
  }

  /// A graph that could not be written is no reason to list or keep an environment.
  void withdraw_roots() const noexcept {
    for (std::size_t i = 0; i < roots_.size(); ++i) {
      try {
        if (const auto& old = before_[i]) {
          store::add_root(store_, *old);
        } else {
          store::remove_root(store_, roots_[i].manifest);
        }
      } catch (const Error&) {
        // The first error is the one to tell.
      }
    }
  }

  /// A source that decides what is fetched and whose signature counts.
  void believe(fs::path source, const Times& read_at) {
    believed_.insert(store::canonical_manifest(source).native());
    add_source(std::move(source), read_at);
  }

  void add_source(fs::path source, const Times& read_at) {
    auto known = read_at.find(source);
    auto modified = known == read_at.end() ? modified_ns(source).value_or(0) : known->second;
    newest_source_ns_ = std::max(newest_source_ns_, modified);
    if (modified > now_ns() + a_moment_ns) from_the_future_.insert(source);
    sources_.push_back(std::move(source));
  }

  /// Those in a project: sessions of other projects do not see them, and a thousand manifests need not name each other.
  std::vector<fs::path> believed_in(const fs::path& project) const {
    std::vector<fs::path> all;
    auto start = project.native() == "/" ? "/" : project.native() + "/";
    for (auto one = believed_.lower_bound(start); one != believed_.end() && one->starts_with(start); ++one) {
      all.emplace_back(*one);
    }
    return all;
  }

  /// Files whose change makes the graph another, and where the graph finds those that it fetches.
  void add_sources(const Project& project, const lock::Lock& lock, const Times& read_at) {
    believe(project.manifest_path, read_at);
    believe(project.lock_path, read_at);
    auto fetched = [&](const std::string& name, const Digest& content) {
      auto& places = files_[content.hex()];
      auto place = place_in_project(project.directory(), name);
      if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(std::move(place));
      add_source((project.directory() / name).lexically_normal(), read_at);
    };
    for (const auto& file : lock.files) fetched(file.source, file.content);
    for (const auto& layer : lock.layers) fetched(layer.archive, layer.content);
    for (const auto& repository : lock.request.repositories) {
      believe((project.directory() / repository.key).lexically_normal(), read_at);
    }
    if (const auto* archive = std::get_if<manifest::BaseArchive>(&project.manifest.base)) {
      files_[archive->sha256.hex()] = {archive_location(*archive, project.directory())};
    }
    kept_layers_ = graph::kept_layers(lock, graph::ZstdLayers::welcome);
    if (lock.image) images_.push_back({*lock.image, lock.request.base_image, project.directory()});
  }

  void add_repositories(const manifest::Manifest& manifest, const lock::Lock& lock) {
    distributions_.insert({lock.distribution, lock.architecture});
    for (const auto& repository : manifest.repositories) uris_[repository.name].insert(repository.uri);
  }

  /// Two manifests may call different repositories by one name: every one of their places is then asked.
  resolve::Mirrors mirrors() const {
    resolve::Mirrors all;
    auto ask = [&](std::string distribution, std::string architecture, std::map<std::string, std::string> additional) {
      auto found = resolve::find_mirrors({.distribution = std::move(distribution),
                                          .architecture = std::move(architecture),
                                          .additional = std::move(additional),
                                          .configuration = request_.lock.paths.configuration,
                                          .cache = request_.lock.paths.cache});
      for (auto& [archive, urls] : found.archives) {
        auto& known = all.archives[archive];
        for (auto& url : urls) {
          if (std::find(known.begin(), known.end(), url) == known.end()) known.push_back(std::move(url));
        }
      }
      all.registries = std::move(found.registries);
      return found.acquisition;
    };
    for (const auto& [distribution, architecture] : distributions_) {
      all.acquisition = ask(distribution, architecture, {});
    }
    for (const auto& [name, uris] : uris_) {
      for (const auto& uri : uris) ask("", distributions_.begin()->second, {{name, uri}});
    }
    all.blobs = request_.lock.paths.caches;
    return all;
  }

  graph::Local local() const {
    auto local = local_part(store_, files_of_edges_, mirrors_);
    for (const auto& environment : result_.environments) {
      local.environments.push_back({environment.name, environment.id, environment.step});
    }
    local.regenerate = regenerate();
    local.sources = sources_;
    return local;
  }

  graph::CMakeLocal cmake_local(const graph::Graph& graph) const {
    const auto& environment = result_.environments.front();
    const auto link_of = [&](const StepKey& key) {
      const auto is_it = [&](const graph::Edge& edge) { return edge.key == key; };
      return graph::link_name(*std::find_if(graph.edges.begin(), graph.edges.end(), is_it));
    };
    return {.name = environment.name,
            .id = environment.id,
            .link = link_of(environment.step),
            .release = environment.release ? link_of(environment.release->tree()) : std::string(),
            .store = store_.root(),
            .step_program = find_program("karapace-step"),
            .arguments = files_of_edges_.path(),
            .manifest = environment.manifest,
            .lock = lock::lock_path(environment.manifest),
            .fetch_depth = fetches_at_once,
            .install_depth = installs_at_once(),
            .sources = sources_};
  }

  /// The same call again. Without --upgrade: that was meant once.
  std::vector<std::string> regenerate() const {
    auto words = request_.program;
    words.insert(words.end(), {"gen", "--regenerate", "-C", directory_.path()});
    if (request_.lock.policy == LockPolicy::locked) words.push_back("--locked");
    if (request_.lock.policy == LockPolicy::frozen) words.push_back("--frozen");
    if (request_.name) words.insert(words.end(), {"--name", *request_.name});
    for (const auto& environment : result_.environments) words.push_back(environment.manifest);
    return words;
  }

  const GenerateRequest& request_;
  store::Store store_;
  BuildDirectory directory_;
  store::GraphFiles files_of_edges_;
  fs::path mirrors_;
  std::string graph_text_;
  std::string local_text_;
  graph::Planner planner_;
  Generated result_;
  std::vector<store::Root> roots_;
  std::vector<std::optional<store::Root>> before_;  // what the store had in their places
  std::set<fs::path> seen_;
  std::vector<fs::path> sources_;
  std::int64_t newest_source_ns_ = 0;
  std::size_t kept_layers_ = 0;  // of the last environment, of which CMake has one
  std::set<fs::path> from_the_future_;
  std::set<std::string> believed_;
  struct Image {
    lock::LockedImage locked;
    std::string location;
    fs::path directory;  // of the manifest
  };
  std::vector<Image> images_;
  std::map<std::string, std::vector<std::string>> files_;  // digest -> where these bytes are
  std::set<std::pair<std::string, std::string>> distributions_;
  std::map<std::string, std::set<std::string>> uris_;
};

}  // namespace

Generated generate(const GenerateRequest& request) {
  // Before any directory is made: a mistyped path leaves nothing behind.
  check_upgrade(request.lock.upgrade, request.manifests, request.working_directory);
  std::vector<Project> projects;
  for (const auto& manifest : request.manifests) projects.push_back(open_project(manifest, request.working_directory));
  return Generation(request).run(std::move(projects));
}

}  // namespace karapace::project
