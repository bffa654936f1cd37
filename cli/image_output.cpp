// SPDX-License-Identifier: Apache-2.0
#include "cli/image_output.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/child.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/json/error_answer.hpp"
#include "base/sibling_programs.hpp"
#include "base/words.hpp"
#include "generator/lock/environment_lock.hpp"

namespace karapace::cli {

namespace {

constexpr std::string_view docker = "docker-archive:";

/// Names of images are written small, and consist of these and single separators.
std::string image_name(const std::string& name) {
  std::string made;
  for (char c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (is_plain)
      made += c;
    else if (!made.empty() && made.back() != '-')
      made += '-';
  }
  constexpr std::size_t longest_tag = 128;
  made.resize(std::min(made.size(), longest_tag));
  while (made.ends_with('-')) made.pop_back();
  return made.empty() ? "environment" : made;
}

nlohmann::json write_image(const Context& context, const PackedEnvironment& packed, const graph::PackOptions& options,
                           const ImageOutput& output) {
  ChildCommand command{.argv = {find_program("karapace-image"), context.store_root(), packed.environment.id.hex(),
                                options.compression, fmt::to_string(options.most_layers),
                                fmt::to_string(options.kept_layers), image_name(packed.name), output.location}};
  if (output.release) command.argv.insert(command.argv.end(), {output.release->archive, output.release->program});
  const auto made = capture_child(command);
  throw_if_error_answer(made.output);
  if (made.status == 0) return nlohmann::json::parse(made.output);
  const auto why = trimmed(made.errors);
  throw Error(fmt::format("{}: karapace-image ended with status {}{}{}", output.command, made.status,
                          why.empty() ? "" : ": ", why));
}

/// Of an environment that was taken over from elsewhere they may not be here; its layers are, and can be packed.
bool has_kept_blobs(const store::Store& store, const store::Environment& environment, std::size_t count) {
  const auto inputs = store.input_record(environment.step).step.inputs;
  for (std::size_t i = 0; i < count && i < inputs.size(); ++i) {
    const auto unpack = store.record(inputs[i]);
    const auto fetch = unpack ? store.record(unpack->step.inputs.at(0)) : std::nullopt;
    if (!fetch || !store.has_blob(fetch->blob().blob)) return false;
  }
  return true;
}

}  // namespace

std::string image_file_location(std::string_view command, const std::string& output) {
  if (output.empty())
    throw UsageError(
        fmt::format("{}: no file is named: write -o FILE, or -o oci-layout:DIR, or -o docker-archive:FILE", command));
  if (output == "-")
    throw UsageError(fmt::format("{}: it is written to files, not to standard output: write -o FILE", command));
  for (std::string_view form : {std::string_view("oci-archive:"), std::string_view("oci-layout:"), docker})
    if (output.starts_with(form)) return output;
  if (output.starts_with("oci:") || output.starts_with("docker:"))
    throw UsageError(
        fmt::format("{}: it is written to files; `karapace push` brings an environment to a registry", command));
  return "oci-archive:" + output;
}

graph::PackOptions image_file_options(const PackingArguments& packing, const std::string& location) {
  const bool is_docker = location.starts_with(docker);
  auto options = pack_options(packing, is_docker ? "gzip" : "zstd");
  if (is_docker && options.compression != "gzip")
    throw UsageError("image: `docker load` reads layers of a docker-archive with gzip only: leave --compression out");
  return options;
}

WrittenImage write_image_file(const Context& context, const BuildingArguments& building,
                              const PackedEnvironment& packed, const ImageOutput& output) {
  auto options = output.options;
  const auto store = context.open_store(store::Store::Access::update);
  const auto zstd = output.location.starts_with(docker) ? graph::ZstdLayers::unknown : graph::ZstdLayers::welcome;
  options.kept_layers = graph::kept_layers(lock::lock_of(store, packed.environment), zstd);
  if (!has_kept_blobs(store, packed.environment, options.kept_layers)) options.kept_layers = 0;
  if (const int status = pack_layers(context, building, packed.environment, options); status != 0)
    return {.status = status, .report = {}};
  return {.status = 0, .report = write_image(context, packed, options, output)};
}

}  // namespace karapace::cli
