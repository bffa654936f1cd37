// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/key_report.hpp"
#include "cli/store_access.hpp"
#include "proof/chain.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment;
  std::vector<std::string> trust;
  std::uint64_t agree = 1;
};

constexpr std::size_t shown_findings = 5;

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.value("--trust", "KEY", arguments.trust,
                "demand a signature of this key (may be repeated): its name, the path of a .pub file, or its line");
  options.value("--agree", "N", arguments.agree, "with --trust: how many of the keys have to agree (1)");
}

/// Without --trust, all keys of the user are known and none is demanded.
proof::ChainOptions chain_options(const Context& context, const Arguments& arguments) {
  proof::ChainOptions options;
  if (arguments.trust.empty()) {
    const auto found = signing::find_keys(keys_directory());
    for (const auto& problem : found.problems) context.warn(problem);
    for (const auto& key : found.keys) options.keys.push_back(key.key);
    return options;
  }
  for (const auto& word : arguments.trust) options.keys.push_back(signing::find_public_key(keys_directory(), word));
  options.agree = static_cast<unsigned>(std::min<std::uint64_t>(arguments.agree, 1000));
  signing::require_sound({options.keys, options.agree});
  return options;
}

nlohmann::json json_of(const store::Environment& environment, const std::vector<proof::Link>& links) {
  auto list = nlohmann::json::array();
  for (const auto& link : links) {
    auto findings = nlohmann::json::array();
    for (const auto& finding : link.findings)
      findings.push_back({{"reason", escaped_utf8(finding.reason)},
                          {"state", text(finding.state)},
                          {"subject", escaped_utf8(finding.subject)}});
    list.push_back({{"findings", std::move(findings)},
                    {"link", text(link.kind)},
                    {"state", text(link.state())},
                    {"verified_count", link.verified}});
  }
  return {{"environment", environment.id.hex()}, {"links", std::move(list)}};
}

std::string styled_state(const Context& context, proof::LinkState state) {
  const auto style = state == proof::LinkState::broken     ? Style::red
                     : state == proof::LinkState::verified ? Style::green
                                                           : Style::yellow;
  return context.styled(style, padded(text(state), 9));
}

void print_link(const Context& context, const proof::Link& link) {
  context.print(fmt::format("{}{} {} {}\n", padded(text(link.kind), 11), styled_state(context, link.state()),
                            link.verified, link.note));
  const bool all = context.verbosity > 0;
  std::size_t shown = 0;
  for (const auto state : {proof::LinkState::broken, proof::LinkState::absent}) {
    for (const auto& finding : link.findings) {
      if (finding.state != state || (!all && shown == shown_findings)) continue;
      context.print(fmt::format("  {} {}: {}\n", styled_state(context, state), finding.subject, finding.reason));
      ++shown;
    }
  }
  if (shown < link.findings.size())
    context.print(fmt::format("  ... and {} more (-v shows all)\n", link.findings.size() - shown));
}

int run(const Context& context, const Arguments& arguments) {
  auto options = chain_options(context, arguments);
  const auto store = context.open_store(store::Store::Access::read_only, store::Store::AfterPowerFailure::leave);
  const auto reference = find_reference(store, arguments.environment);
  const auto mode = enter_for_trees(store);
  options.owners = mode == sandbox::IdMode::single ? store::Owners::ignore : store::Owners::from_disk;
  options.threads = available_threads();
  const auto environment = store::find_environment(store, reference.environment);
  if (!environment)
    throw NotFoundError(fmt::format("environment {} is not built yet; run ninja", reference.environment.short_hex()));
  const auto links = proof::examine_chain(store, *environment, options);
  if (context.json)
    context.print_json("karapace.verify", json_of(*environment, links));
  else
    for (const auto& link : links) print_link(context, link);
  const bool is_broken =
      std::ranges::any_of(links, [](const auto& link) { return link.state() == proof::LinkState::broken; });
  return is_broken ? exit_code(ErrorKind::store) : 0;
}

}  // namespace

Command verify_command() {
  return make_command<Arguments>(
      {.name = "verify",
       .group = Group::understanding,
       .summary = "Check all that an environment rests on",
       .description = "Walks the chain from the archives' keys to the files: signed Releases, indexes, the lock,\n"
                      "packages, step records, layers, and signatures of what was built. Each link is verified,\n"
                      "absent (what would prove it is not here) or broken, with where and the remedy. Nothing is\n"
                      "downloaded. Exits with 3 when a link is broken. With --trust, signatures are demanded.",
       .examples = {{"karapace verify .", "the environment of the manifest here"},
                    {"karapace verify dev --trust keys/ci.pub", "and somebody who is trusted must have signed it"}}},
      declare, run);
}

}  // namespace karapace::cli
