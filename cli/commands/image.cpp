// SPDX-License-Identifier: Apache-2.0
// image: an environment as an image in a file.
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/building.hpp"
#include "cli/commands.hpp"
#include "cli/image_output.hpp"
#include "cli/packing.hpp"

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

int run(const Context& context, const Arguments& arguments) {
  const auto location = image_file_location("image", arguments.output);
  const ImageOutput output{.command = "image",
                           .location = location,
                           .options = image_file_options(arguments.packing, location),
                           .release = std::nullopt};
  const auto store = context.open_store(store::Store::Access::update);
  const auto packed = find_built(store, arguments.environment);
  auto written = write_image_file(context, arguments.building, packed, output);
  if (written.status != 0) return written.status;
  auto& image = written.report;
  std::uint64_t size = 0;
  for (const auto& layer : image["layers"]) size += layer["size_bytes"].get<std::uint64_t>();
  if (context.json) {
    image["environment"] = packed.environment.id.hex();
    image["location"] = escaped_utf8(output.location);
    context.print_json("karapace.image", std::move(image));
    return 0;
  }
  if (arguments.building.quiet) return 0;
  context.print(fmt::format("{}: {}, {}, sha256:{}\n", context.styled(Style::bold, escaped_utf8(output.location)),
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
