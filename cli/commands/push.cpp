// SPDX-License-Identifier: Apache-2.0
// push: an environment as an image in a registry, which engines run and `karapace pull` makes the same environment of.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/key_report.hpp"
#include "cli/packing.hpp"
#include "cli/registry_client.hpp"
#include "exchange/request.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment;
  std::string reference;
  std::string key;
  bool is_unsigned = false;
  bool sources = false;
  bool index = false;
  bool dry_run = false;
  PackingArguments packing;
  bool vouch = false;
  BuildingArguments building;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.positional("REFERENCE", arguments.reference,
                     "REGISTRY/REPOSITORY:TAG, or oci-layout:DIR:TAG, oci-archive:FILE", Options::Presence::required);
  options.value("--key", "NAME", arguments.key, "the key that signs (default: the only one you have)");
  options.flag("--unsigned", arguments.is_unsigned, "without a signature: engines run it, `karapace pull` refuses it");
  options.flag("--index", arguments.index,
               "add it to the images that the tag has for other architectures, in the place of the one for this");
  options.flag("--sources", arguments.sources, "the packages themselves, too");
  options.flag("-n,--dry-run", arguments.dry_run, "only say what would be sent");
  declare_packing(options, arguments.packing);
  options.flag("--vouch", arguments.vouch, "sign for an environment that was taken over and not built here");
  declare_building(options, arguments.building);
}

std::optional<std::filesystem::path> key_of(const Arguments& arguments) {
  if (!arguments.is_unsigned) return signing_key(arguments.key);
  if (!arguments.key.empty()) throw UsageError("push: --key and --unsigned exclude each other");
  return std::nullopt;
}

/// The artifact beside the image has the layers one by one, however they are joined in the image.
int pack(const Context& context, const Arguments& arguments, const store::Environment& environment,
         const graph::PackOptions& options) {
  const int status = pack_layers(context, arguments.building, environment, options);
  if (status != 0 || options.most_layers == 0) return status;
  return pack_layers(context, arguments.building, environment, {.compression = options.compression});
}

std::vector<std::string> escaped(const std::vector<std::string>& words) {
  std::vector<std::string> all;
  for (const auto& word : words) all.push_back(escaped_utf8(word));
  return all;
}

void report(const Context& context, const Arguments& arguments, const EnvironmentId& id,
            const exchange::PushAnswer& answer) {
  if (!arguments.index && !answer.platforms.empty())
    context.warn(fmt::format("{} {} images for several architectures ({}), and {} this one alone; --index keeps them",
                             escaped_utf8(arguments.reference), arguments.dry_run ? "has" : "had",
                             fmt::join(escaped(answer.platforms), ", "), arguments.dry_run ? "would have" : "has"));
  if (context.json) {
    context.print_json("karapace.push",
                       {{"blob_count", answer.blobs},
                        {"sent_bytes", answer.bytes},
                        {"dry_run", arguments.dry_run},
                        {"environment", id.hex()},
                        {"image_digest", answer.image},
                        {"index_digest", answer.index.empty() ? nlohmann::json() : nlohmann::json(answer.index)},
                        {"layer_count", answer.layers},
                        {"mounted_count", answer.mounted},
                        {"platforms", arguments.index ? escaped(answer.platforms) : std::vector<std::string>()},
                        {"present_count", answer.present},
                        {"reference", escaped_utf8(arguments.reference)},
                        {"unchanged", answer.unchanged}});
    return;
  }
  const auto reference = context.styled(Style::bold, escaped_utf8(arguments.reference));
  if (answer.unchanged) return context.print(fmt::format("{}: there already, {}\n", reference, answer.image));
  context.print(fmt::format("{}: {} {}, {}; {}\n{}\n", reference, arguments.dry_run ? "would send" : "sent",
                            counted(answer.blobs, "blob"), size_text(answer.bytes),
                            not_sent_text(answer.present, answer.mounted), answer.image));
  if (!answer.index.empty())
    context.print(fmt::format("index {}: {}\n", answer.index, fmt::join(escaped(answer.platforms), ", ")));
}

int run(const Context& context, const Arguments& arguments) {
  const auto options = pack_options(arguments.packing, "zstd");
  const auto key = key_of(arguments);
  const auto store = context.open_store(store::Store::Access::update);
  const auto packed = find_built(store, arguments.environment);
  require_built_here(store, packed.environment, arguments.vouch || arguments.is_unsigned);
  if (const int status = pack(context, arguments, packed.environment, options); status != 0) return status;
  const exchange::PushRequest request{.store = store.root(),
                                      .environment = packed.environment.id,
                                      .location = arguments.reference,
                                      .key = key,
                                      .compression = options.compression,
                                      .most_layers = options.most_layers,
                                      .sources = arguments.sources,
                                      .dry_run = arguments.dry_run,
                                      .sent_blobs = sent_blobs_file(context),
                                      .near = cache_locations(),
                                      .index = arguments.index};
  report(context, arguments, packed.environment.id,
         exchange::parse_push_answer(ask_registry(context, "push", exchange::text(request))));
  return 0;
}

}  // namespace

Command push_command() {
  return make_command<Arguments>(
      {.name = "push",
       .group = Group::sharing,
       .summary = "Push an environment to a registry, as an image",
       .description =
           "The image runs in every engine as the manifest's [image] says. Beside it go the lock, the records of all\n"
           "steps and a signature, of which `karapace pull` makes the same environment elsewhere. Blobs that are\n"
           "there already are not sent; credentials are those of `podman login` and `docker login`.",
       .examples = {{"karapace push . registry.example/team/dev:1", "then: podman run registry.example/team/dev:1"},
                    {"karapace push . registry.example/team/dev:1 -n", "what would go up, and what is there"},
                    {"karapace push --index . registry.example/team/dev:1", "on a machine of each architecture"},
                    {"karapace push dev oci-archive:dev.tar --squash", "into a file, as one layer"}}},
      declare, run);
}

}  // namespace karapace::cli
