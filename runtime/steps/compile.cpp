// SPDX-License-Identifier: Apache-2.0
// compile: a package of a release, built from its source in the environment.
//
// Its own directory is where it will live: `<destination>/store/<entry>`, whose name comes of the step's key. What it
// needs is mounted there, too, each at its own, and can only be read; so paths that are built in are right ever after.
// The layer is what the script left in its own directory, and nothing else.
#include <algorithm>
#include <charconv>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "runtime/steps/layer_build.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/trees/composition.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/listing.hpp"
#include "store/release_document.hpp"

namespace karapace::steps {

namespace {

constexpr const char* patches_place = "build/.patches";

/// A package that another one needs, built.
struct Dependency {
  std::string name;
  std::string place;  // absolute, as inside
  LayerId layer;
};

std::string place_of(const Step& step, const StepKey& key) {
  const auto entry = store::release_entry_name(key, step.required("name"), step.required("version"));
  return fmt::format("{}/store/{}", step.required("destination"), entry);
}

/// How many processes a script may have at once: what -j in MAKEFLAGS says, else one for each processor. No part of
/// the key: what is built must not depend on it.
unsigned jobs() {
  const char* flags = std::getenv("MAKEFLAGS");
  for (std::string_view rest = flags ? flags : ""; !rest.empty();) {
    const auto word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    unsigned count = 0;
    const auto* end = word.data() + word.size();
    if (word.starts_with("-j") && std::from_chars(word.data() + 2, end, count).ptr == end && count > 0) return count;
  }
  return available_threads();
}

std::vector<std::string> check_commands(const Step& step) {
  const auto text = step.parameter("check");
  if (!text) return {};
  try {
    return nlohmann::json::parse(*text).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    throw StepError(fmt::format("compile: the parameter \"check\" is not understood: {}", error.what()));
  }
}

std::string script_of(const Step& step) {
  try {
    return nlohmann::json::parse(step.required("script")).get<std::string>();
  } catch (const nlohmann::json::exception& error) {
    throw StepError(fmt::format("compile: the parameter \"script\" is not understood: {}", error.what()));
  }
}

class Compilation {
 public:
  explicit Compilation(const StepContext& context)
      : context_(context),
        base_(base_layers(context)),
        lower_(context.store, base_.layers),
        tree_(lower_),
        name_(context.step.required("name")),
        source_(fmt::format("/build/{}", name_)),
        out_(place_of(context.step, context.key)) {}

  LayerId run() {
    const auto patches = context_.step.parameter("patches") ? number_parameter(context_.step, "patches") : 0;
    const auto first = base_.inputs + 1 + static_cast<std::size_t>(patches);
    if (patches < 0 || first > context_.step.inputs.size())
      throw StepError("compile: its parameters and its inputs do not fit each other");
    read_dependencies(first);
    plan_.epoch = std::max(lower_.newest_time(), epoch_);
    put_source(context_.step.inputs[base_.inputs]);
    for (std::size_t i = 0; i < static_cast<std::size_t>(patches); ++i)
      put_patch(i, context_.step.inputs[base_.inputs + 1 + i]);
    plan_commands(static_cast<std::size_t>(patches));
    plan_.output = out_.substr(1);
    plan_.secrets = Secrets::kept;  // whoever writes a build script means what it makes
    return build_layer(context_, std::move(tree_), lower_, plan_);
  }

 private:
  void read_dependencies(std::size_t first) {
    for (auto i = first; i < context_.step.inputs.size(); ++i) {
      const auto& key = context_.step.inputs[i];
      const auto record = context_.store.input_record(key);
      if (record.step.kind != StepKind::compile)
        throw StepError(fmt::format("compile: a step of the kind \"{}\" is no dependency", text(record.step.kind)));
      dependencies_.push_back(
          {std::string(record.step.required("name")), place_of(record.step, key), record.layer().layer});
      epoch_ = trees::newest_time(context_.store.listing(record.layer().layer), epoch_);
    }
    for (const auto& one : dependencies_)
      plan_.binds.push_back({.source = context_.store.layer_tree(one.layer),
                             .target = one.place,
                             .access = sandbox::BindAccess::read_only,
                             .origin = sandbox::BindSource::store,
                             .why = "the dependency " + one.name});
  }

  /// As links to the layer's files: what the script changes is copied up by the overlay.
  void put_source(const StepKey& key) {
    const auto layer = context_.store.input_record(key).layer().layer;
    const auto listing = context_.store.listing(layer);
    plan_.epoch = trees::newest_time(listing, plan_.epoch);
    const auto* directory = tree_.shared(context_.store.layer_tree(layer));
    const auto top = source_.substr(1);
    if (tree_.visible(top))
      throw StepError(fmt::format("compile: the environment has a \"{}\", where sources are built", source_));
    std::map<std::string, std::uint64_t> groups;
    for (const auto& entry : listing.entries()) {
      trees::Node node;
      const bool is_link = entry.type == store::EntryType::hardlink;
      node.entry = is_link ? *listing.find(entry.target) : entry;
      if (is_link) {
        auto& group = groups[entry.target];
        if (group == 0) group = tree_.new_group();
        node.group = group;
      }
      if (entry.type != store::EntryType::directory) node.source = {directory, entry.path};
      node.entry.path = entry.path.empty() ? top : top + "/" + entry.path;
      tree_.put(std::move(node));
    }
  }

  void put_patch(std::size_t index, const StepKey& key) {
    const auto& blob = context_.store.input_record(key).blob();
    trees::Node node;
    node.entry.path = fmt::format("{}/{}", patches_place, index);
    node.entry.type = store::EntryType::regular;
    node.entry.mode = 0644;
    node.entry.mtime = plan_.epoch;
    node.entry.size = blob.size;
    node.entry.content = blob.blob.digest();
    const auto path = context_.store.blob_path(blob.blob);
    node.source = {tree_.shared(path.parent_path()), path.filename()};
    node.copy = true;
    tree_.put(std::move(node));
  }

  bool has_program(std::string_view path) const {
    const auto place = tree_.resolve_parents(path);
    return tree_.visible(place) != nullptr;
  }

  void add_command(std::vector<std::string> argv, std::string title, std::string directory) {
    sandbox::Command command;
    command.argv = std::move(argv);
    command.title = std::move(title);
    command.variables = variables_;
    command.working_directory = std::move(directory);
    plan_.commands.push_back(std::move(command));
  }

  void add_script(const std::string& script, std::string title) {
    std::vector<std::string> argv{"/bin/sh", "-euc", script};
    if (has_program("bin/bash")) argv = {"/bin/bash", "-euo", "pipefail", "-c", script};
    add_command(std::move(argv), std::move(title), source_);
  }

  void plan_commands(std::size_t patches) {
    variables_ = build_variables(plan_.epoch);
    for (const auto& one : dependencies_) variables_[store::dependency_variable(one.name)] = one.place;
    variables_["out"] = out_;
    variables_["src"] = source_;
    variables_["jobs"] = fmt::to_string(jobs());
    const auto package = fmt::format("{} {}", name_, context_.step.required("version"));
    if (patches > 0 && !has_program("usr/bin/patch"))
      throw StepError(
          fmt::format("compile: {} has patches, and the environment has no patch(1): add \"patch\" to "
                      "system.packages",
                      package));
    add_command({"/bin/mkdir", "-p", out_}, "the package's directory", "/");
    for (std::size_t i = 0; i < patches; ++i)
      add_command(
          {"/usr/bin/patch", "-p1", "--batch", "--forward", "-r", "-", "-i", fmt::format("/{}/{}", patches_place, i)},
          fmt::format("patch {} of {}", i + 1, package), source_);
    add_script(script_of(context_.step), package);
    const auto checks = check_commands(context_.step);
    for (const auto& check : checks) add_script(check, fmt::format("the check \"{}\" of {}", check, package));
  }

  const StepContext& context_;
  BaseLayers base_;
  trees::LayerStack lower_;
  trees::Composition tree_;
  std::string name_;
  std::string source_;  // absolute, as inside
  std::string out_;
  std::int64_t epoch_ = trees::earliest_epoch;
  std::vector<Dependency> dependencies_;
  std::map<std::string, std::string> variables_;
  LayerBuildPlan plan_;
};

}  // namespace

StepOutput compile(const StepContext& context) { return LayerOutput{Compilation(context).run()}; }

}  // namespace karapace::steps
