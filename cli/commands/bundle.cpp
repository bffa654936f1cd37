// SPDX-License-Identifier: Apache-2.0
// bundle: an environment with all that its lock names, in one file for a machine without network.
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/key_report.hpp"
#include "cli/packing.hpp"
#include "cli/pulling.hpp"
#include "cli/registry_client.hpp"
#include "exchange/request.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment;
  std::string output;
  std::string key;
  bool vouch = false;
  BuildingArguments building;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.value("-o,--output", "FILE", arguments.output, "where it goes; it is replaced when all has gone well");
  options.value("--key", "NAME", arguments.key, "the key that signs (default: the only one you have)");
  options.flag("--vouch", arguments.vouch, "sign for an environment that was taken over and not built here");
  declare_building(options, arguments.building);
}

std::filesystem::path bundle_file(const std::string& output) {
  if (output.empty()) throw UsageError("bundle: no file is named: write -o FILE");
  if (output == "-") throw UsageError("bundle: it is written to a file, not to standard output: write -o FILE");
  return std::filesystem::absolute(output).lexically_normal();
}

int run(const Context& context, const Arguments& arguments) {
  const auto key = signing_key(arguments.key);
  const auto store = context.open_store(store::Store::Access::update);
  const auto packed = find_built(store, arguments.environment);
  require_built_here(store, packed.environment, arguments.vouch);
  const graph::PackOptions options;
  if (const int status = pack_layers(context, arguments.building, packed.environment, options); status != 0)
    return status;
  const auto file = bundle_file(arguments.output);
  const exchange::PushRequest request{.store = store.root(),
                                      .environment = packed.environment.id,
                                      .location = bundle_location(file),
                                      .key = key,
                                      .compression = options.compression,
                                      .most_layers = options.most_layers,
                                      .sources = true,
                                      .dry_run = false};
  const auto answer = exchange::parse_push_answer(ask_registry(context, "push", exchange::text(request)));
  if (context.json) {
    context.print_json("karapace.bundle", {{"environment", packed.environment.id.hex()},
                                           {"image_digest", answer.image},
                                           {"output_file", path_json(file)},
                                           {"sent_bytes", answer.bytes}});
    return 0;
  }
  context.print(fmt::format("{}: {}\n{}\n", escaped_utf8(file.native()), size_text(answer.bytes), answer.image));
  return 0;
}

}  // namespace

Command bundle_command() {
  return make_command<Arguments>({.name = "bundle",
                                  .group = Group::sharing,
                                  .summary = "Write an environment and its packages to one file",
                                  .description = "An OCI archive with the environment as an image, the records of its "
                                                 "steps, the signature and every package\n"
                                                 "of its lock. `karapace unbundle` makes the same environment of it "
                                                 "where there is no network; engines load it.",
                                  .examples = {{"karapace bundle . -o dev.tar", "then: karapace unbundle dev.tar"}}},
                                 declare, run);
}

}  // namespace karapace::cli
