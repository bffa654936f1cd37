// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/generate_arguments.hpp"
#include "cli/key_report.hpp"
#include "cli/registry_client.hpp"
#include "cli/store_access.hpp"
#include "exchange/request.hpp"
#include "generator/lock/environment_lock.hpp"
#include "generator/resolve/evidence.hpp"
#include "proof/chain.hpp"
#include "proof/signing/key_files.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string subject;
  std::vector<std::string> trust;
  std::uint64_t agree = 1;
};

constexpr std::size_t shown_findings = 5;

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.subject,
                     "a name, an id or its beginning, or a path like \".\"; or where an image of one is: "
                     "REGISTRY/REPOSITORY:TAG, oci-layout:DIR:TAG, oci-archive:FILE",
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

/// What was looked at: an environment of the store, or an image somewhere.
struct Examined {
  std::optional<EnvironmentId> environment;
  std::string image = {};  // its digest; "": none
  std::optional<lock::Lock> lock = {};
  std::vector<proof::Link> links = {};
};

nlohmann::json json_of(const lock::Lock& lock) {
  auto repositories = nlohmann::json::array();
  for (const auto& repository : lock.repositories)
    std::visit(
        [&](const auto& one) {
          repositories.push_back({{"date", one.date}, {"name", escaped_utf8(one.name())}, {"signers", one.signers}});
        },
        repository);
  return {{"architecture", lock.architecture},
          {"base", escaped_utf8(lock::base_of(lock))},
          {"package_count", lock.base.size() + lock.packages.size()},
          {"repositories", std::move(repositories)}};
}

nlohmann::json json_of(const Examined& examined) {
  auto list = nlohmann::json::array();
  for (const auto& link : examined.links) {
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
  const auto& id = examined.environment;
  return {{"environment", id ? nlohmann::json(id->hex()) : nlohmann::json()},
          {"image_digest", examined.image.empty() ? nlohmann::json() : nlohmann::json(examined.image)},
          {"links", std::move(list)},
          {"origin", examined.lock ? json_of(*examined.lock) : nlohmann::json()}};
}

std::string styled_state(const Context& context, proof::LinkState state) {
  const auto style = state == proof::LinkState::broken     ? Style::red
                     : state == proof::LinkState::verified ? Style::green
                                                           : Style::yellow;
  return context.styled(style, padded(text(state), 9));
}

void print_link(const Context& context, const proof::Link& link) {
  context.print(fmt::format("{}{} {} {}\n", padded(text(link.kind), 11), styled_state(context, link.state()),
                            link.verified, escaped_utf8(link.note)));
  const bool all = context.verbosity > 0;
  std::size_t shown = 0;
  for (const auto state : {proof::LinkState::broken, proof::LinkState::absent}) {
    for (const auto& finding : link.findings) {
      if (finding.state != state || (!all && shown == shown_findings)) continue;
      context.print(fmt::format("  {} {}: {}\n", styled_state(context, state), escaped_utf8(finding.subject),
                                escaped_utf8(finding.reason)));
      ++shown;
    }
  }
  if (shown < link.findings.size())
    context.print(fmt::format("  ... and {} more (-v shows all)\n", link.findings.size() - shown));
}

/// What it is made of, by its lock.
void print_origin(const Context& context, const lock::Lock& lock) {
  context.print(fmt::format("of {} for {}, {}\n", escaped_utf8(lock::base_of(lock)), lock.architecture,
                            counted(lock.base.size() + lock.packages.size(), "package")));
  for (const auto& repository : lock.repositories)
    std::visit(
        [&](const auto& one) {
          context.print(fmt::format("  {} of {}, signed by {}\n", escaped_utf8(one.name()), one.date,
                                    fmt::join(one.signers, ", ")));
        },
        repository);
}

Examined examine_environment(const Context& context, const Arguments& arguments) {
  auto options = chain_options(context, arguments);
  const auto store = context.open_store(store::Store::Access::read_only, store::Store::AfterPowerFailure::leave);
  const auto reference = find_reference(store, arguments.subject);
  const auto environment = store::find_environment(store, reference.environment);
  if (!environment)
    throw NotFoundError(fmt::format("environment {} is not built yet; run ninja", reference.environment.short_hex()));
  // With the caller's ids: the cache is not the store's.
  auto lock = lock::lock_of(store, *environment);
  options.evidence = resolve::examine_evidence(lock, machine_paths(context).cache);
  const auto mode = enter_for_trees(store);
  options.owners = mode == sandbox::IdMode::single ? store::Owners::ignore : store::Owners::from_disk;
  options.threads = available_threads();
  return {.environment = environment->id,
          .lock = std::move(lock),
          .links = proof::examine_chain(store, *environment, options)};
}

/// One that is written as an image is: with what kind of place it is before it, or with a host, "registry.example/…"
/// or "localhost:5000/…", as long as that is no path here.
bool is_image(std::string_view word) {
  for (const std::string_view prefix : {"oci:", "oci-layout:", "oci-archive:", "docker-archive:", "https://"})
    if (word.starts_with(prefix)) return true;
  const auto host = word.substr(0, word.find('/'));
  if (host.size() == word.size() || host.empty() || host == "." || host == "..") return false;
  const bool is_host = host == "localhost" || host.find_first_of(".:") != host.npos;
  struct stat status{};
  return is_host && ::lstat(std::string(word).c_str(), &status) != 0;
}

template <class Value>
Value value_of(std::string_view word, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (text(static_cast<Value>(i)) == word) return static_cast<Value>(i);
  throw Error(fmt::format("karapace-registry answers \"{}\", which this release does not know", escaped_utf8(word)));
}

proof::Link link_of(const exchange::VerifiedLink& answered) {
  proof::Link link{.kind = value_of<proof::LinkKind>(answered.link, proof::link_kinds),
                   .verified = answered.verified,
                   .note = answered.note};
  for (const auto& [state, subject, reason] : answered.findings)
    link.findings.push_back({value_of<proof::LinkState>(state, proof::link_states), subject, reason});
  return link;
}

Examined examine_image(const Context& context, const Arguments& arguments) {
  const auto options = chain_options(context, arguments);
  exchange::VerifyRequest request{.location = arguments.subject, .keys = {}, .agree = options.agree};
  for (const auto& key : options.keys) request.keys.push_back(signing::text(key));
  const auto answer = exchange::parse_verify_answer(ask_registry(context, "verify", exchange::text(request)));
  Examined examined{.environment = answer.environment, .image = answer.image};
  std::vector<resolve::EvidencePart> evidence;
  if (!answer.lock.empty()) {
    examined.lock = lock::parse_lock(answer.lock, "the lock");
    evidence = resolve::examine_evidence(*examined.lock, machine_paths(context).cache);
  }
  const auto subject = answer.environment ? "environment " + answer.environment->short_hex() : "image " + answer.image;
  examined.links = proof::repository_links(
      evidence, subject,
      examined.lock ? "nothing in it is of a signed archive: whose it is, only the digests in its lock say"
                    : "which archives it is of is not known without its lock");
  for (const auto& link : answer.links) examined.links.push_back(link_of(link));
  return examined;
}

int run(const Context& context, const Arguments& arguments) {
  const bool is_of_image = is_image(arguments.subject);
  const auto examined = is_of_image ? examine_image(context, arguments) : examine_environment(context, arguments);
  if (context.json) {
    context.print_json("karapace.verify", json_of(examined));
  } else {
    if (is_of_image) {
      context.print(fmt::format("{} {}\n", escaped_utf8(arguments.subject), examined.image));
      if (examined.lock) print_origin(context, *examined.lock);
    }
    for (const auto& link : examined.links) print_link(context, link);
  }
  const bool is_broken =
      std::ranges::any_of(examined.links, [](const auto& link) { return link.state() == proof::LinkState::broken; });
  return is_broken ? exit_code(ErrorKind::store) : 0;
}

}  // namespace

Command verify_command() {
  return make_command<Arguments>(
      {.name = "verify",
       .group = Group::understanding,
       .summary = "Check all that an environment, or an image of one, rests on",
       .description = "Walks the chain from the archives' keys to the files: signed Releases, indexes, the lock,\n"
                      "packages, step records, layers, and signatures of what was built. Each link is verified,\n"
                      "absent (what would prove it is not here) or broken, with where and the remedy. Nothing is\n"
                      "downloaded. Exits with 3 when a link is broken. With --trust, signatures are demanded.\n"
                      "Of an image in a registry or a file, manifest, configuration and layers are read where they\n"
                      "are, with the lock, the records and the signatures beside it; nothing of it is kept.",
       .examples = {{"karapace verify .", "the environment of the manifest here"},
                    {"karapace verify dev --trust keys/ci.pub", "and somebody who is trusted must have signed it"},
                    {"karapace verify registry.example/team/dev:1 --trust keys/ci.pub", "an image, before it is run"}}},
      declare, run);
}

}  // namespace karapace::cli
