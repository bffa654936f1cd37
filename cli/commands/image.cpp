// SPDX-License-Identifier: Apache-2.0
// image: an environment as an image in a file.
#include <algorithm>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/child.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/json/error_answer.hpp"
#include "base/sibling_programs.hpp"
#include "base/words.hpp"
#include "cli/building.hpp"
#include "cli/commands.hpp"
#include "cli/packing.hpp"
#include "generator/lock/environment_lock.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment;
  std::string output;
  PackingArguments packing;
  BuildingArguments building;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.value("-o,--output", "IMAGE", arguments.output,
                "FILE[:TAG] or oci-archive:FILE[:TAG], oci-layout:DIR[:TAG], docker-archive:FILE[:TAG]");
  declare_packing(options, arguments.packing);
  declare_building(options, arguments.building);
}

constexpr std::string_view docker = "docker-archive:";

/// With the word that says what it is.
std::string location_of(const std::string& output) {
  if (output.empty())
    throw UsageError("image: no file is named: write -o FILE, or -o oci-layout:DIR, or -o docker-archive:FILE");
  if (output == "-") throw UsageError("image: it is written to files, not to standard output: write -o FILE");
  for (std::string_view form : {std::string_view("oci-archive:"), std::string_view("oci-layout:"), docker})
    if (output.starts_with(form)) return output;
  if (output.starts_with("oci:") || output.starts_with("docker:"))
    throw UsageError("image: it is written to files; `karapace push` brings an environment to a registry");
  return "oci-archive:" + output;
}

graph::PackOptions options_of(const Arguments& arguments, const std::string& location) {
  const bool is_docker = location.starts_with(docker);
  auto options = pack_options(arguments.packing, is_docker ? "gzip" : "zstd");
  if (is_docker && options.compression != "gzip")
    throw UsageError("image: `docker load` reads layers of a docker-archive with gzip only: leave --compression out");
  return options;
}

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
                           const std::string& location) {
  const auto made =
      capture_child({.argv = {find_program("karapace-image"), context.store_root(), packed.environment.id.hex(),
                              options.compression, fmt::to_string(options.most_layers),
                              fmt::to_string(options.kept_layers), image_name(packed.name), location},
                     .working_directory = {}});
  throw_if_error_answer(made.output);
  if (made.status == 0) return nlohmann::json::parse(made.output);
  const auto why = trimmed(made.errors);
  throw Error(fmt::format("image: karapace-image ended with status {}{}{}", made.status, why.empty() ? "" : ": ", why));
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

int run(const Context& context, const Arguments& arguments) {
  const auto location = location_of(arguments.output);
  auto options = options_of(arguments, location);
  const auto store = context.open_store(store::Store::Access::update);
  const auto packed = find_built(store, arguments.environment);
  const auto zstd = location.starts_with(docker) ? graph::ZstdLayers::unknown : graph::ZstdLayers::welcome;
  options.kept_layers = graph::kept_layers(lock::lock_of(store, packed.environment), zstd);
  if (!has_kept_blobs(store, packed.environment, options.kept_layers)) options.kept_layers = 0;
  if (const int status = pack_layers(context, arguments.building, packed.environment, options); status != 0)
    return status;
  auto image = write_image(context, packed, options, location);
  std::uint64_t size = 0;
  for (const auto& layer : image["layers"]) size += layer["size_bytes"].get<std::uint64_t>();
  if (context.json) {
    image["environment"] = packed.environment.id.hex();
    image["location"] = escaped_utf8(location);
    context.print_json("karapace.image", std::move(image));
    return 0;
  }
  if (arguments.building.quiet) return 0;
  context.print(fmt::format("{}: {}, {}, sha256:{}\n", context.styled(Style::bold, escaped_utf8(location)),
                            counted(image["layers"].size(), "layer"), size_text(size),
                            image["manifest"].get<std::string>()));
  return 0;
}

}  // namespace

Command image_command() {
  return make_command<Arguments>(
      {.name = "image",
       .group = Group::using_,
       .summary = "Write an environment as an image for other engines",
       .description =
           "Packs each layer of a built environment, as steps that are run once, and writes them with a configuration\n"
           "and a manifest to an OCI archive, an OCI layout or an archive for `docker load`. What the image runs says\n"
           "[image] in the manifest. The same environment gives the same bytes on every machine.",
       .examples = {{"karapace image . -o dev.tar", "then: podman load -i dev.tar"},
                    {"karapace image . -o oci-layout:images:dev", "into a layout, beside what is in it"},
                    {"karapace image . -o docker-archive:dev.tar --squash", "one layer, for `docker load`"}}},
      declare, run);
}

}  // namespace karapace::cli
