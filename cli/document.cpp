// SPDX-License-Identifier: Apache-2.0
#include "cli/document.hpp"

#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "store/identifiers.hpp"

namespace karapace::cli {

namespace {

struct OutputJson {
  nlohmann::json operator()(const BlobOutput& output) const {
    nlohmann::json json = {
        {"kind", "blob"}, {"blob", output.blob.hex()}, {"sha256", output.sha256.hex()}, {"size_bytes", output.size}};
    if (output.diff_id) json["diff_id"] = output.diff_id->hex();
    if (output.diff_size) json["diff_size_bytes"] = *output.diff_size;
    return json;
  }
  nlohmann::json operator()(const LayerOutput& output) const {
    return {{"kind", "layer"}, {"layer", output.layer.hex()}};
  }
  nlohmann::json operator()(const EnvironmentOutput& output) const {
    return {{"kind", "environment"}, {"environment", output.environment.hex()}};
  }
};

struct OutputText {
  std::string operator()(const BlobOutput& output) const { return "blob " + output.blob.hex(); }
  std::string operator()(const LayerOutput& output) const { return "layer " + output.layer.hex(); }
  std::string operator()(const EnvironmentOutput& output) const { return "environment " + output.environment.hex(); }
};

}  // namespace

nlohmann::json path_json(const std::filesystem::path& path) {
  return escaped_utf8(std::filesystem::absolute(path).lexically_normal().native());
}

nlohmann::json path_json(const std::optional<std::filesystem::path>& path) {
  return path ? path_json(*path) : nlohmann::json();
}

nlohmann::json output_json(const std::optional<StepOutput>& output) {
  return output ? std::visit(OutputJson{}, *output) : nlohmann::json();
}

std::string output_text(const std::optional<StepOutput>& output) {
  return output ? std::visit(OutputText{}, *output) : "nothing";
}

void print_output_document(const Context& context, const std::filesystem::path& file) {
  context.print_json("karapace.output", {{"output_file", path_json(file)}});
}

}  // namespace karapace::cli
