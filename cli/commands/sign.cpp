// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/key_report.hpp"
#include "cli/packing.hpp"
#include "generator/lock/environment_lock.hpp"
#include "proof/kept_signatures.hpp"
#include "proof/recorded_graph.hpp"
#include "proof/statement.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment;
  std::string key;
  bool vouch = false;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.value("--key", "NAME", arguments.key,
                "the key that signs: its name, or the path of its .key file (default: the only one you have)");
  options.flag("--vouch", arguments.vouch, "sign for an environment that was taken over and not built here");
}

int run(const Context& context, const Arguments& arguments) {
  const auto store = context.open_store(store::Store::Access::update);
  const auto graph = proof::recorded_graph(store, {arguments.environment});
  if (graph.environments.size() != 1)
    throw UsageError(fmt::format("sign: \"{}\" is no environment; `karapace list` shows them", arguments.environment));
  const auto& [name, environment] = graph.environments.front();
  require_built_here(store, environment, arguments.vouch);
  const auto lock = lock::lock_of(store, environment);
  const auto key_file = signing_key(arguments.key);
  const auto secret = signing::read_secret_key(keys_directory(), key_file.native());
  const auto envelope = signing::signed_envelope(proof::statement_text(lock, graph.records), secret);
  const auto file = proof::keep_signature(store, environment.id, envelope, secret.public_key());
  const auto key = secret.public_key().id().hex();
  if (context.json)
    context.print_json("karapace.sign", {{"environment", environment.id.hex()},
                                         {"key", key},
                                         {"signature_file", path_json(file)},
                                         {"step_count", graph.records.size()}});
  else
    context.print(fmt::format("{} {}: {} step records signed by {} {}\n", context.styled(Style::bold, name),
                              environment.id.short_hex(), graph.records.size(), key_file.stem().native(), key));
  return 0;
}

}  // namespace

Command sign_command() {
  return make_command<Arguments>(
      {.name = "sign",
       .group = Group::understanding,
       .summary = "Sign what was built here with a key",
       .description = "Says with your key what the steps of an environment made: an in-toto statement with\n"
                      "SLSA provenance in a DSSE envelope, kept in the store. `verify` judges it; caches and\n"
                      "registries get it along with the environment.",
       .examples = {{"karapace sign . --key ci", "with the key that `karapace key new ci` made"}}},
      declare, run);
}

}  // namespace karapace::cli
