// SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "generator/graph/diff/graph_index.hpp"
#include "generator/manifest/rules.hpp"
#include "store/identifiers.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::diff {

namespace {

template <class Number>
Number number_of(const graph::Edge& edge, std::string_view parameter) {
  auto digits = edge.step.parameter(parameter).value_or("");
  Number value{};
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc() && end == digits.data() + digits.size()) return value;
  throw GraphError(fmt::format("the step \"{}\" has no number \"{}\"", description(edge), parameter));
}

template <class Id>
Id digest_of(const graph::Edge& edge, std::string_view parameter) {
  auto digest = Id::from_hex(edge.step.parameter(parameter).value_or(""));
  if (digest) return *digest;
  throw GraphError(fmt::format("the step \"{}\" has no digest \"{}\"", description(edge), parameter));
}

class Outline {
 public:
  Outline(const GraphIndex& graph, const EnvironmentEdges& edges) : graph_(graph), edges_(edges) {}

  lock::Lock run() {
    read_base(*edges_.at(Stage::base));
    if (const auto* install = edges_.at(Stage::packages)) {
      read_install(*install);
      lock_.packages = packages(*install);
      read_answers(*install);
    }
    if (const auto* setup = edges_.at(Stage::setup)) read_setup(*setup);
    for (const auto* layer : edges_.layers) read_layer(*layer);
    const auto& environment = *edges_.at(Stage::environment);
    lock_.runtime = store::RuntimeConfiguration::parse(environment.step.parameter("runtime").value_or(""),
                                                       description(environment));
    return std::move(lock_);
  }

 private:
  const graph::Edge& input(const graph::Edge& edge, std::size_t index) const {
    const graph::Edge* found = index < edge.step.inputs.size() ? graph_.find(edge.step.inputs[index]) : nullptr;
    if (found != nullptr) return *found;
    throw GraphError(fmt::format("the graph does not have all inputs of the step \"{}\"", description(edge)));
  }

  void read_base(const graph::Edge& edge) {
    if (edge.step.parameter("format") == "oci-layer") {
      for (std::size_t i = 1; i < edge.step.inputs.size(); ++i) read_image_layer(input(edge, i));
      return read_image_layer(edge);
    }
    if (edge.step.kind == StepKind::unpack) {
      const graph::Edge& fetch = input(edge, 0);
      lock_.archive = lock::LockedArchive{digest_of<Sha256>(fetch, "sha256"), number_of<std::uint64_t>(fetch, "size")};
      return;
    }
    read_install(edge);
    // "base debian/bookworm, 96 packages"
    std::string_view subject = edge.subject;
    auto slash = subject.find('/');
    if (slash != std::string_view::npos) lock_.suite = subject.substr(slash + 1, subject.find(", ") - slash - 1);
    lock_.base = packages(edge);
  }

  void read_image_layer(const graph::Edge& unpack) {
    const graph::Edge& fetch = input(unpack, 0);
    if (!lock_.image) lock_.image.emplace();
    lock_.image->layers.push_back(
        {digest_of<Sha256>(fetch, "sha256"), fetch.weight, {}, digest_of<Sha256>(unpack, "diff-id")});
  }

  void read_install(const graph::Edge& edge) {
    lock_.distribution = edge.step.parameter("distribution").value_or("");
    lock_.architecture = edge.step.parameter("architecture").value_or("");
  }

  void read_answers(const graph::Edge& install) {
    try {
      lock_.answers = nlohmann::json::parse(install.step.parameter("answers").value_or("{}"))
                          .get<std::map<std::string, std::string>>();
    } catch (const nlohmann::json::exception&) {
      throw GraphError(fmt::format("the step \"{}\" has answers that are none", description(install)));
    }
  }

  std::vector<lock::LockedPackage> packages(const graph::Edge& install) const {
    std::vector<lock::LockedPackage> all;
    auto layers = base_layers(install);
    all.reserve(install.step.inputs.size() - layers);
    for (auto i = layers; i < install.step.inputs.size(); ++i) all.push_back(package(input(install, i)));
    return all;
  }

  lock::LockedPackage package(const graph::Edge& unpack) const {
    const graph::Edge& fetch = input(unpack, 0);
    lock::LockedPackage package;
    auto space = fetch.subject.find(' ');
    package.name = fetch.subject.substr(0, space);
    if (space != std::string::npos) package.version = fetch.subject.substr(space + 1);
    package.architecture = lock_.architecture;
    if (auto colon = package.name.find(':'); colon != std::string::npos) {
      package.architecture = package.name.substr(colon + 1);
      package.name.resize(colon);
    }
    package.size = fetch.weight;
    package.sha256 = digest_of<Sha256>(fetch, "sha256");
    return package;
  }

  void read_setup(const graph::Edge& setup) {
    try {
      auto layers = base_layers(setup);
      auto files = nlohmann::json::parse(setup.step.required("files"));
      for (std::size_t i = 0; i < files.size(); ++i) {
        const graph::Edge& fetch = input(setup, layers + i);
        lock_.files.push_back({"", files[i].at("target").get<std::string>(),
                               manifest::mode_from(files[i].at("mode").get<std::string>()).value_or(0),
                               digest_of<BlobId>(fetch, "blake3").digest(), fetch.weight});
      }
      lock_.run = nlohmann::json::parse(setup.step.required("run")).get<std::vector<std::string>>();
    } catch (const nlohmann::json::exception&) {
      throw GraphError(fmt::format("the arguments of the step \"{}\" are not those of a set-up", description(setup)));
    }
  }

  /// A graph tells one name of it, which is its title or its archive.
  void read_layer(const graph::Edge& commit) {
    const graph::Edge& fetch = input(commit, 0);
    lock_.layers.push_back({commit.subject, "", fetch.weight, digest_of<BlobId>(fetch, "blake3").digest()});
  }

  const GraphIndex& graph_;
  const EnvironmentEdges& edges_;
  lock::Lock lock_;
};

}  // namespace

lock::Lock lock_outline(const GraphIndex& graph, const EnvironmentEdges& edges) { return Outline(graph, edges).run(); }

}  // namespace karapace::diff
