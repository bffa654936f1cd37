// SPDX-License-Identifier: Apache-2.0
// setup: the manifest's own files and commands, on top of everything else.
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "runtime/steps/layer_build.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/trees/composition.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/listing.hpp"

namespace karapace::steps {

namespace {

struct SetupFile {
  std::string target;  // absolute
  std::uint32_t mode = 0644;
};

std::vector<SetupFile> setup_files(const Step& step) {
  try {
    std::vector<SetupFile> files;
    for (const auto& file : nlohmann::json::parse(step.required("files"))) {
      auto mode = std::stoul(file.at("mode").get<std::string>(), nullptr, 8);
      files.push_back({file.at("target").get<std::string>(), static_cast<std::uint32_t>(mode & 07777)});
    }
    return files;
  } catch (const std::exception& error) {
    throw StepError(fmt::format("setup step: the parameter \"files\" is not understood: {}", error.what()));
  }
}

std::vector<std::string> setup_commands(const Step& step) {
  try {
    return nlohmann::json::parse(step.required("run")).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    throw StepError(fmt::format("setup step: the parameter \"run\" is not understood: {}", error.what()));
  }
}

void put_file(trees::Composition& tree, const store::Store& store, const SetupFile& file, const BlobOutput& blob,
              std::int64_t epoch) {
  trees::Node node;
  node.entry.path = tree.resolve_parents(file.target);
  if (node.entry.path.empty() || tree.is_directory(node.entry.path)) {
    throw StepError(fmt::format("setup: \"{}\" is a directory; name the file in it", file.target));
  }
  node.entry.type = store::EntryType::regular;
  node.entry.mode = file.mode;
  node.entry.mtime = epoch;
  node.entry.size = blob.size;
  node.entry.content = blob.blob.digest();
  const auto path = store.blob_path(blob.blob);
  node.source = {tree.shared(path.parent_path()), path.filename()};
  node.copy = true;
  tree.put(std::move(node));
}

}  // namespace

StepOutput setup(const StepContext& context) {
  const auto [base_inputs, layers] = base_layers(context);
  auto files = setup_files(context.step);
  if (context.step.inputs.size() != base_inputs + files.size()) {
    throw StepError("setup step: its files and its inputs do not fit each other");
  }
  LayerBuildPlan plan;
  plan.secrets = Secrets::kept;  // the manifest's commands make them on purpose
  trees::LayerStack lower(context.store, layers);
  plan.epoch = lower.newest_time();
  trees::Composition tree(lower);
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto blob = context.store.input_record(context.step.inputs[base_inputs + i]).blob();
    put_file(tree, context.store, files[i], blob, plan.epoch);
  }
  for (const auto& line : setup_commands(context.step)) {
    sandbox::Command command;
    command.argv = {"/bin/sh", "-ec", line};
    command.title = fmt::format("setup command \"{}\"", line);
    command.variables = build_variables(plan.epoch);
    plan.commands.push_back(std::move(command));
  }
  return LayerOutput{build_layer(context, std::move(tree), lower, plan)};
}

}  // namespace karapace::steps
