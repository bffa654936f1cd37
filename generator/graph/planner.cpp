// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <tuple>
#include <unordered_set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/escape.hpp"
#include "base/json/text.hpp"
#include "base/words.hpp"
#include "generator/graph/graph.hpp"
#include "generator/manifest/rules.hpp"
#include "store/identifiers.hpp"

namespace karapace::graph {

namespace {

std::string files_json(const std::vector<lock::LockedFile>& files) {
  std::string json = "[";
  for (const auto& file : files) {
    if (json.size() > 1) json += ',';
    json += "{\"mode\":\"" + manifest::mode_text(file.mode) + "\",\"target\":";
    append_json(json, file.target);
    json += '}';
  }
  return json + "]";
}

std::string answers_json(const std::map<std::string, std::string>& answers) {
  std::string json = "{";
  for (const auto& [question, answer] : answers) {
    if (json.size() > 1) json += ',';
    append_json(json, question);
    json += ':';
    append_json(json, answer);
  }
  return json + "}";
}

std::string run_json(const std::vector<std::string>& commands) {
  std::string json;
  append_json(json, commands, ",");
  return json;
}

std::string setup_subject(const lock::Lock& lock) {
  std::string subject;
  if (!lock.files.empty()) subject = counted(lock.files.size(), "file");
  if (!lock.files.empty() && !lock.run.empty()) subject += ", ";
  if (!lock.run.empty()) subject += counted(lock.run.size(), "command");
  return subject;
}

}  // namespace

// The planning of one lock: the layers found so far and the steps it needs.
class Planner::Addition {
 public:
  Addition(Planner& planner, const lock::Lock& lock) : planner_(planner), lock_(lock) {}

  std::vector<StepKey> run(std::string_view canonical) {
    if (lock_.archive) {
      unpack_archive(*lock_.archive);
    } else if (lock_.image) {
      unpack_image(*lock_.image);
    } else {
      install(lock_.base,
              fmt::format("base {}/{}, {}", lock_.distribution, lock_.suite, counted(lock_.base.size(), "package")));
    }
    if (!lock_.packages.empty()) install(lock_.packages, counted(lock_.packages.size(), "package"), lock_.answers);
    if (!lock_.files.empty() || !lock_.run.empty()) setup();
    for (const auto& layer : lock_.layers) commit(layer);
    environment(canonical);
    return std::move(steps_);
  }

 private:
  /// The index of the edge of this step, which is made when nobody needed it before.
  std::size_t edge(Step step, std::string subject, std::uint64_t weight, Location location = {}) {
    auto key = step.key();
    auto [found, fresh] = planner_.by_key_.emplace(key, planner_.edges_.size());
    if (fresh) {
      planner_.edges_.push_back({std::move(step), key, std::move(subject), std::move(location), weight});
    } else {
      agree(planner_.edges_[found->second], subject, location);
    }
    return found->second;
  }
  /// Locks may call the same bytes differently: the least of what they say stands, whatever their order.
  void agree(Edge& edge, const std::string& subject, const Location& location) {
    if (subject < edge.subject) edge.subject = subject;
    if (location < edge.location) edge.location = location;
  }
  StepKey need(std::size_t index) {
    const auto& key = planner_.edges_[index].key;
    if (seen_.insert(key).second) steps_.push_back(key);
    return key;
  }

  StepKey fetch_blake3(const Digest& content, std::uint64_t size, std::string subject) {
    auto step = Step::normalised(StepKind::fetch, {{"blake3", content.hex()}, {"size", fmt::to_string(size)}}, {});
    return need(edge(std::move(step), std::move(subject), size));
  }
  std::size_t fetch_sha256(const Sha256& sha256, std::uint64_t size, std::string subject, Location location) {
    auto step = Step::normalised(StepKind::fetch, {{"sha256", sha256.hex()}, {"size", fmt::to_string(size)}}, {});
    return edge(std::move(step), std::move(subject), size, std::move(location));
  }
  std::size_t unpack_package(const StepKey& blob, const lock::LockedPackage& package, std::string subject) {
    auto step = Step::normalised(StepKind::unpack,
                                 {{"architecture", package.architecture},
                                  {"format", std::string(lock::package_family(lock_))},
                                  {"package", package.name},
                                  rules_of(StepKind::unpack),
                                  {"version", package.version}},
                                 {blob});
    return edge(std::move(step), std::move(subject), package.size);
  }

  void unpack_archive(const lock::LockedArchive& archive) {
    auto subject = "base archive " + archive.sha256.short_hex();
    auto blob = need(fetch_sha256(archive.sha256, archive.size, subject, {}));
    auto step = Step::normalised(StepKind::unpack, {{"format", "tar"}, rules_of(StepKind::unpack)}, {blob});
    layers_.push_back(need(edge(std::move(step), subject, archive.size)));
  }

  void unpack_image(const lock::LockedImage& image) {
    auto layer = image.layers.begin();
    for (auto& [fetch, unpack] : image_steps(image)) {
      const auto subject = fmt::format("image layer {}", layer->sha256.short_hex());
      need(edge(std::move(fetch), subject, layer->size));
      layers_.push_back(need(edge(std::move(unpack), subject, layer->size)));
      ++layer;
    }
  }

  StepKey package(const lock::LockedPackage& package) {
    auto [found, fresh] = planner_.packages_.try_emplace({package.sha256, package.size});
    auto& edges = found->second;
    auto subject = name_in(lock_, package) + " " + package.version;
    Location location{package.archive(), package.path};
    if (fresh) {
      edges.fetch = fetch_sha256(package.sha256, package.size, subject, location);
      edges.unpack = unpack_package(planner_.edges_[edges.fetch].key, package, subject);
    }
    agree(planner_.edges_[edges.fetch], subject, location);
    need(edges.fetch);
    if (is_unpacked_as(planner_.edges_[edges.unpack].step, package)) return need(edges.unpack);
    return need(unpack_package(planner_.edges_[edges.fetch].key, package, subject));
  }
  /// Locks that take the same bytes for different packages: at most one is right, and its step alone succeeds.
  static bool is_unpacked_as(const Step& step, const lock::LockedPackage& package) {
    return step.parameter("package") == package.name && step.parameter("version") == package.version &&
           step.parameter("architecture") == package.architecture;
  }

  void install(const std::vector<lock::LockedPackage>& packages, std::string subject,
               const std::map<std::string, std::string>& answers = {}) {
    auto inputs = layers_;
    inputs.reserve(layers_.size() + packages.size());
    for (const auto& one : packages) inputs.push_back(package(one));
    std::vector<Parameter> parameters{{"architecture", lock_.architecture},
                                      {"base-layers", fmt::to_string(layers_.size())},
                                      {"distribution", lock_.distribution},
                                      {"format", std::string(lock::package_family(lock_))},
                                      rules_of(StepKind::install)};
    if (!layers_.empty() && !lock_.foreign_architectures.empty())
      parameters.push_back({"foreign-architectures", fmt::format("{}", fmt::join(lock_.foreign_architectures, ","))});
    if (!answers.empty()) parameters.push_back({"answers", answers_json(answers)});
    auto step = Step::normalised(StepKind::install, std::move(parameters), std::move(inputs));
    layers_.push_back(need(edge(std::move(step), std::move(subject), packages.size())));
  }

  void setup() {
    auto inputs = layers_;
    for (const auto& file : lock_.files)
      inputs.push_back(fetch_blake3(file.content, file.size, "file " + printable(file.target)));
    auto step = Step::normalised(StepKind::setup,
                                 {{"base-layers", fmt::to_string(layers_.size())},
                                  {"files", files_json(lock_.files)},
                                  rules_of(StepKind::setup),
                                  {"run", run_json(lock_.run)}},
                                 std::move(inputs));
    layers_.push_back(need(edge(std::move(step), setup_subject(lock_), lock_.run.size())));
  }

  /// What a layer changes, its archive says alone: whoever has the same one on top of something else shares it.
  void commit(const lock::LockedLayer& layer) {
    const auto subject = printable(layer.name());
    auto step = Step::normalised(StepKind::commit, {rules_of(StepKind::commit)},
                                 {fetch_blake3(layer.content, layer.size, "layer " + subject)});
    layers_.push_back(need(edge(std::move(step), subject, layer.size)));
  }

  void environment(std::string_view canonical) {
    Digest id = blake3(canonical);
    auto inputs = layers_;
    inputs.push_back(fetch_blake3(id, canonical.size(), "lock " + id.short_hex()));
    auto step = Step::normalised(StepKind::environment,
                                 {{"lock", id.hex()}, {"runtime", lock::runtime_of(lock_).text()}}, std::move(inputs));
    need(edge(std::move(step), id.short_hex(), 0));
  }

  Planner& planner_;
  const lock::Lock& lock_;
  std::vector<StepKey> layers_;  // bottom first
  std::vector<StepKey> steps_;
  std::unordered_set<StepKey> seen_;
};

std::vector<StepKey> Planner::add(const lock::Lock& lock, std::string_view canonical) {
  return Addition(*this, lock).run(canonical);
}

namespace {

/// What is declared together. Ninja starts the edges that are ready in the order of their declaration, and the base is
/// what most others wait for: configuring it takes one processor, and the other packages are unpacked meanwhile.
enum class Section {
  base_contents,
  image_layers,
  base_install,
  contents,
  install,
  setup,
  commit,
  environment,
  source,
  compile,
  assemble
};

bool is_bootstrap(const Edge& edge) {
  return edge.step.kind == StepKind::install && edge.step.parameter("base-layers") == "0";
}

bool is_image_layer(const Edge& edge) {
  return edge.step.kind == StepKind::unpack && edge.step.parameter("format") == "oci-layer";
}

bool is_archive(const Edge& edge) {
  return edge.step.kind == StepKind::unpack && edge.step.parameter("format") == "tar";
}

Section section(const Edge& edge, bool of_base) {
  if (is_image_layer(edge)) return Section::image_layers;
  switch (edge.step.kind) {
    case StepKind::fetch:
    case StepKind::unpack: return of_base ? Section::base_contents : Section::contents;
    case StepKind::install: return is_bootstrap(edge) ? Section::base_install : Section::install;
    case StepKind::setup: return Section::setup;
    case StepKind::commit: return Section::commit;
    case StepKind::source: return Section::source;
    case StepKind::compile: return Section::compile;
    case StepKind::assemble: return Section::assemble;
    case StepKind::environment:
    case StepKind::pack: break;  // images plan their own
  }
  return Section::environment;
}

/// An unpack follows its fetch: so each of Ninja's slots downloads and unpacks in turn, and neither the network nor the
/// processors wait for the other to be done with everything.
struct Order {
  Section section{};
  std::uint64_t lightness = 0;
  StepKey content;  // of an unpack its fetch
  StepKind kind{};
  StepKey key;
  std::size_t index = 0;
  auto operator<=>(const Order&) const = default;
};

}  // namespace

/// Of each edge whether a base is made of it: the packages of a bootstrap, an archive, an image's layers, and what
/// these are fetched as.
std::vector<bool> Planner::parts_of_bases() const {
  std::vector<bool> parts(edges_.size());
  auto mark = [&](const StepKey& key) {
    auto index = by_key_.at(key);
    parts[index] = true;
    for (const auto& input : edges_[index].step.inputs) parts[by_key_.at(input)] = true;
  };
  for (const auto& edge : edges_) {
    if (is_archive(edge) || is_image_layer(edge)) mark(edge.key);
    if (!is_bootstrap(edge)) continue;
    for (const auto& input : edge.step.inputs) mark(input);
  }
  return parts;
}

Graph Planner::finish() && {
  auto parts = parts_of_bases();
  packages_.clear();
  const auto needed_packages = [&](const Edge& edge) {
    return std::ranges::count_if(
        edge.step.inputs, [&](const StepKey& key) { return edges_[by_key_.at(key)].step.kind == StepKind::compile; });
  };
  std::vector<Order> order;
  order.reserve(edges_.size());
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    const auto& edge = edges_[i];
    bool unpack = edge.step.kind == StepKind::unpack;
    const auto& content = unpack ? edge.step.inputs.front() : edge.key;
    auto lightness = ~edge.weight;
    // A layer of an image has fewer inputs than those above it, which read it.
    if (is_image_layer(edge)) lightness = edge.step.inputs.size();
    // What needs a package also reads all that this one needs.
    if (edge.step.kind == StepKind::compile) lightness = static_cast<std::uint64_t>(needed_packages(edge));
    order.push_back({section(edge, parts[i]), lightness, content, edge.step.kind, edge.key, i});
  }
  by_key_.clear();
  std::sort(order.begin(), order.end());
  Graph graph;
  graph.edges.reserve(edges_.size());
  for (const auto& place : order) graph.edges.push_back(std::move(edges_[place.index]));
  edges_.clear();
  return graph;
}

std::vector<LayerSteps> image_steps(const lock::LockedImage& image) {
  std::vector<LayerSteps> steps;
  std::vector<StepKey> below;
  for (const auto& layer : image.layers) {
    auto fetch =
        Step::normalised(StepKind::fetch, {{"sha256", layer.sha256.hex()}, {"size", fmt::to_string(layer.size)}}, {});
    std::vector<StepKey> inputs = {fetch.key()};
    inputs.insert(inputs.end(), below.begin(), below.end());
    auto unpack = Step::normalised(
        StepKind::unpack, {{"diff-id", layer.diff_id.hex()}, {"format", "oci-layer"}, rules_of(StepKind::unpack)},
        std::move(inputs));
    below.push_back(unpack.key());
    steps.push_back({std::move(fetch), std::move(unpack)});
  }
  return steps;
}

Graph plan(std::span<const lock::Lock> locks) {
  Planner planner;
  for (const auto& lock : locks) planner.add(lock, lock::serialise(lock));
  return std::move(planner).finish();
}

std::string description(const Edge& edge) { return fmt::format("{} {}", text(edge.step.kind), edge.subject); }

}  // namespace karapace::graph
