// SPDX-License-Identifier: Apache-2.0
// cache push: what was built here, for others to take.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/key_report.hpp"
#include "cli/packing.hpp"
#include "cli/registry_client.hpp"
#include "cli/store_access.hpp"
#include "exchange/request.hpp"
#include "store/environment.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string cache;
  std::vector<std::string> environments;
  std::string key;
  bool sources = false;
  bool dry_run = false;
  bool vouch = false;
  BuildingArguments building;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("CACHE", arguments.cache, "its name, or a place", Options::Presence::required);
  options.positional("ENVIRONMENT", arguments.environments, "names, ids or their beginnings, or paths (default: .)");
  options.value("--key", "NAME", arguments.key, "the key that signs (default: the only one you have)");
  options.flag("--sources", arguments.sources,
               "the packages themselves, too: then the lock installs when no mirror has them any more");
  options.flag("-n,--dry-run", arguments.dry_run, "only say what would be sent");
  options.flag("--vouch", arguments.vouch, "sign for an environment that was taken over and not built here");
  declare_building(options, arguments.building);
}

nlohmann::json answer_json(const EnvironmentId& id, const exchange::OfferAnswer& answer) {
  return {{"blob_count", answer.blobs},      {"sent_bytes", answer.bytes},      {"environment", id.hex()},
          {"mounted_count", answer.mounted}, {"present_count", answer.present}, {"tag", answer.tag},
          {"unchanged", answer.unchanged}};
}

std::string answer_text(const std::string& name, const exchange::OfferAnswer& answer, bool dry_run) {
  if (answer.unchanged) return fmt::format("{}: there already\n", name);
  return fmt::format("{}: {} {}, {}; {}\n", name, dry_run ? "would send" : "sent", counted(answer.blobs, "blob"),
                     size_text(answer.bytes), not_sent_text(answer.present, answer.mounted));
}

int run(const Context& context, const Arguments& arguments) {
  const auto location = place_of_cache(arguments.cache);
  const auto key = signing_key(arguments.key);
  const auto store = context.open_store(store::Store::Access::update);
  auto words = arguments.environments;
  if (words.empty()) words.emplace_back(".");
  auto all = nlohmann::json::array();
  for (const auto& word : words) {
    const auto packed = find_built(store, word);
    require_built_here(store, packed.environment, arguments.vouch);
    const auto& id = packed.environment.id;
    const graph::PackOptions options;
    if (const int status = pack_layers(context, arguments.building, packed.environment, options); status != 0)
      return status;
    const exchange::OfferRequest request{.store = store.root(),
                                         .environment = id,
                                         .location = location,
                                         .key = key,
                                         .compression = options.compression,
                                         .sources = arguments.sources,
                                         .dry_run = arguments.dry_run,
                                         .sent_blobs = sent_blobs_file(context),
                                         .near = cache_locations()};
    const auto answer = exchange::parse_offer_answer(ask_registry(context, "offer", exchange::text(request)));
    if (context.json)
      all.push_back(answer_json(id, answer));
    else
      context.print(answer_text(packed.name, answer, arguments.dry_run));
  }
  if (context.json)
    context.print_json("karapace.cache-push", {{"dry_run", arguments.dry_run}, {"environments", std::move(all)}});
  return 0;
}

}  // namespace

Command cache_push_command() {
  return make_command<Arguments>(
      {.name = "cache push",
       .group = Group::sharing,
       .summary = "Give built environments to a cache",
       .description =
           "Packs the layers of the environments, signs the records of their steps and sends what the cache has not.\n"
           "Others, who trust the key, take them in place of building. Several may push at once: each signer's word\n"
           "stands beside the others'.",
       .examples = {{"karapace cache push team", "the environment here"},
                    {"karapace cache push oci:registry.example/team/cache dev ci --key ci",
                     "two, signed by the key ci"},
                    {"karapace cache push /net/cache . -n", "what would be sent"}}},
      declare, run);
}

}  // namespace karapace::cli
