// SPDX-License-Identifier: Apache-2.0
// Roots: which environment a manifest stands for.
#include "store/root.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/json/record.hpp"
#include "base/json/seal.hpp"
#include "store/repair.hpp"
#include "store/root_index.hpp"

namespace karapace::store {

namespace {

constexpr std::string_view remedy = "run `karapace verify-store --repair`, then `karapace gen` in its project";

std::filesystem::path path_of(const Store& store, const std::filesystem::path& manifest) {
  return store.roots_path() / blake3(canonical_manifest(manifest).native()).hex();
}

/// Graphs of older releases have no name of their own.
constexpr auto graph_fields = fields_of<GraphPlace>(member("directory", &GraphPlace::directory),
                                                    optional_member("name", &GraphPlace::name, escaped_bytes),
                                                    member("sources", &GraphPlace::sources));

// A record is an object and, below it, a line of 64 hexadecimal digits per step: hundreds of them, which every
// `karapace exec` reads, and which a JSON parser takes ten times as long for. The seal covers both. In format 1 the
// steps were a field of the object.

struct Head : Root {
  std::uint64_t format = 0;
  std::optional<std::uint64_t> count;  // of the steps below
};

struct StepsCodec {
  static void write(JsonWriter& json, const Head& head) { json.number(head.steps.size()); }
  static void read(JsonReader& json, Head& head) {
    json.is_array() ? PlainCodec::read(json, head.steps) : PlainCodec::read(json, head.count.emplace());
  }
};

constexpr auto head_fields = fields_of<Head>(
    member("environment", &Head::environment), member("format", &Head::format),
    optional_member("graphs", &Head::graphs, list_of(graph_fields)), member("lock_mtime_ns", &Head::lock_mtime_ns),
    member("manifest", &Head::manifest), member("manifest_mtime_ns", &Head::manifest_mtime_ns),
    member("name", &Head::name, escaped_bytes), member("steps", std::identity(), StepsCodec{}));

std::string text_of(const Root& root) {
  Head head{root, 2, {}};
  head.manifest = canonical_manifest(root.manifest);
  auto text = json_text(head_fields, head);
  for (const auto& step : root.steps) text += step.hex() + '\n';
  return sealed(text);
}

std::vector<StepKey> steps_from(std::string_view lines, std::size_t count, RootSteps wanted) {
  constexpr std::size_t length = 2 * Digest::size + 1;
  if (lines.size() % length != 0 || lines.size() / length != count) throw std::invalid_argument("steps are missing");
  std::vector<StepKey> steps;
  if (wanted == RootSteps::left_out) return steps;
  steps.reserve(count);
  for (; !lines.empty(); lines.remove_prefix(length)) {
    auto step = StepKey::from_hex(lines.substr(0, length - 1));
    if (!step || lines[length - 1] != '\n') throw std::invalid_argument("a step is not a digest");
    steps.push_back(*step);
  }
  return steps;
}

Root root_from(std::string_view text, RootSteps wanted) {
  constexpr std::string_view end = "\n}\n";
  auto size = std::min(std::min(text.find(end), text.size()) + end.size(), text.size());
  auto head = parse_json(head_fields, text.substr(0, size), "record");
  if (head.format != (head.count ? 2 : 1)) throw std::invalid_argument("unknown format");
  if (head.count) head.steps = steps_from(text.substr(size), *head.count, wanted);
  return head;
}

std::optional<Root> read_root(const std::filesystem::path& path, RootSteps steps = RootSteps::read) {
  auto text = read_file_if_exists(path);
  if (!text) return std::nullopt;
  auto what = fmt::format("the project's record \"{}\"", escaped_utf8(path.native()));
  auto root = read_or_damaged(what, remedy, [&] { return root_from(unsealed_in_place(*text), steps); });
  if (blake3(root.manifest.native()).hex() != path.filename()) {
    throw StoreError(fmt::format("{} is damaged (it names another manifest); {}", what, remedy));
  }
  return root;
}

/// A damaged record is replaced by a good one.
std::optional<Root> readable_root(const std::filesystem::path& path, RootSteps steps = RootSteps::read) {
  try {
    return read_root(path, steps);
  } catch (const StoreError&) {
    return std::nullopt;
  }
}

/// What can not be looked at now may be there again.
bool is_gone(const std::filesystem::path& path) {
  return ::access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/// Whether it is a graph and none of the files that one is written from.
bool is_graph_of(const GraphPlace& place, const std::filesystem::path& file) {
  return file.parent_path() == place.directory &&
         (file.filename() == "build.ninja" || file.filename() == "steps.cmake");
}

Root with_graphs_of(const std::optional<Root>& old, Root root) {
  std::map<std::filesystem::path, GraphPlace> graphs;
  for (auto& graph : root.graphs) graphs.emplace(graph.directory, std::move(graph));
  if (old) {
    for (const auto& graph : old->graphs) {
      if (is_gone(graph.directory)) continue;
      auto& kept = graphs.emplace(graph.directory, graph).first->second;
      if (kept.name.empty() && old->name != root.name) kept.name = old->name;
      // Of the other form, in the same directory.
      for (const auto& file : graph.sources)
        if (is_graph_of(graph, file) && std::find(kept.sources.begin(), kept.sources.end(), file) == kept.sources.end())
          kept.sources.push_back(file);
    }
  }
  root.graphs.clear();
  for (auto& [directory, graph] : graphs) root.graphs.push_back(std::move(graph));
  auto has_old_name = [&](const GraphPlace& graph) { return graph.name == old->name; };
  if (old && std::any_of(root.graphs.begin(), root.graphs.end(), has_old_name)) root.name = old->name;
  return root;
}

}  // namespace

std::filesystem::path canonical_manifest(const std::filesystem::path& manifest) {
  auto normal = std::filesystem::absolute(manifest).lexically_normal();
  std::unique_ptr<char, decltype([](char* text) { std::free(text); })> directory(
      ::realpath(normal.parent_path().c_str(), nullptr));
  return directory ? std::filesystem::path(directory.get()) / normal.filename() : normal;
}

std::vector<std::string> names(const Root& root) {
  std::set<std::string> others;
  for (const auto& graph : root.graphs) {
    if (!graph.name.empty() && graph.name != root.name) others.insert(graph.name);
  }
  std::vector<std::string> all = {root.name};
  all.insert(all.end(), others.begin(), others.end());
  return all;
}

namespace {

std::string text_to_add(const Store& store, const Root& root) {
  return text_of(with_graphs_of(readable_root(path_of(store, root.manifest)), root));
}

FileLock lock_root(const Store& store, const std::filesystem::path& path) {
  return store.lock_output("root-" + path.filename().native());
}

void give_name(const Store& store, const std::filesystem::path& made, const std::filesystem::path& path) {
  const auto lock = store.lock_contents(LOCK_SH);
  if (::rename(made.c_str(), path.c_str()) != 0)
    throw StoreError(errno_message(fmt::format("cannot write \"{}\"", escaped_utf8(path.native())), errno));
}

/// Forces it to the disk before others have to wait for it.
void publish(const Store& store, const std::filesystem::path& path, std::string_view text) {
  const auto staging = store.stage();
  const auto made = staging.path() / "root";
  write_file_atomically(made, text, Durable::yes, 0444);
  give_name(store, made, path);
  sync_roots(store);
}

}  // namespace

void add_root(const Store& store, const Root& root) {
  auto path = path_of(store, root.manifest);
  // Two graphs of one manifest may be written at once, and neither may be forgotten.
  auto only_one = lock_root(store, path);
  auto text = text_to_add(store, root);
  if (read_file_if_exists(path) != text) publish(store, path, text);
}

StagedRoot stage_root(const Store& store, const Root& root, std::filesystem::path file) {
  auto text = text_to_add(store, root);
  write_file_atomically(file, text, Durable::yes, 0444);
  return {std::move(file), std::move(text)};
}

void add_root(const Store& store, const Root& root, const StagedRoot& staged) {
  auto path = path_of(store, root.manifest);
  auto only_one = lock_root(store, path);
  auto text = text_to_add(store, root);
  if (read_file_if_exists(path) == text) return;
  // Another graph of the manifest may have been written meanwhile.
  if (staged.text == text) return give_name(store, staged.file, path);
  publish(store, path, text);
}

void sync_roots(const Store& store) { sync_directory(store.roots_path()); }

bool has_root(const Store& store, const Root& root) {
  const auto path = path_of(store, root.manifest);
  return read_file_if_exists(path) == text_to_add(store, root);
}

std::optional<Root> find_root(const Store& store, const std::filesystem::path& manifest, RootSteps steps) {
  return read_root(path_of(store, manifest), steps);
}

std::vector<Root> roots(const Store& store) {
  std::vector<Root> found;
  for (const auto& name : names_in(store.roots_path())) {
    if (auto root = read_root(store.roots_path() / name)) found.push_back(std::move(*root));
  }
  std::sort(found.begin(), found.end(),
            [](const Root& a, const Root& b) { return std::tie(a.name, a.manifest) < std::tie(b.name, b.manifest); });
  return found;
}

std::optional<Root> read_root(const Store& store, const std::string& record, RootSteps steps) {
  return read_root(store.roots_path() / record, steps);
}

std::vector<Root> roots_in(const Store& store, const std::vector<std::filesystem::path>& directories) {
  std::vector<Root> found;
  // A project that is not known would be shown unprotected.
  for (const auto& root : RootIndex::glance(store).in(directories)) {
    if (auto record = read_root(store.roots_path() / root.record, RootSteps::left_out))
      found.push_back(std::move(*record));
  }
  return found;
}

// Sessions that begin at once do so at once, as their lock is shared: what is lost is looked for again under the
// record's own lock, and gen, which could make a graph again, is kept out.
void forget_lost_graphs(const Store& store, const Root& root) {
  auto without_lost = [&](GraphPlace graph) {
    // What it includes and reads lies in .karapace, which is covered as a whole where it is there.
    const bool is_whole = !is_gone(graph.directory / ".karapace");
    std::erase_if(graph.sources,
                  [&](const auto& file) { return is_graph_of(graph, file) && (!is_whole || is_gone(file)); });
    return graph;
  };
  auto changes = [&](const GraphPlace& graph) { return without_lost(graph) != graph; };
  if (!store.writable() || std::none_of(root.graphs.begin(), root.graphs.end(), changes)) return;
  auto path = path_of(store, root.manifest);
  auto only_one = lock_root(store, path);
  auto now = readable_root(path);
  if (!now) return;
  for (auto& graph : now->graphs) graph = without_lost(std::move(graph));
  publish(store, path, text_of(*now));
}

void check_root(const Store& store, const std::string& name) { read_root(store.roots_path() / name); }

void remove_root(const Store& store, const std::filesystem::path& manifest) {
  auto path = path_of(store, manifest);
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return;
  throw StoreError(errno_message(fmt::format("cannot remove \"{}\"", escaped_utf8(path.native())), errno));
}

}  // namespace karapace::store
