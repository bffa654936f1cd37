// SPDX-License-Identifier: Apache-2.0
// cache add: a place from which built environments may be taken.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/cache_report.hpp"
#include "cli/commands.hpp"
#include "cli/key_report.hpp"
#include "cli/registry_client.hpp"
#include "exchange/cache_list.hpp"
#include "exchange/request.hpp"
#include "generator/resolve/user_configuration.hpp"
#include "proof/signing/key_files.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string name;
  std::string location;
  std::vector<std::string> trusted;
  std::uint64_t agree = 1;
  bool offline = false;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("NAME", arguments.name, "what it is called here", Options::Presence::required);
  options.positional("PLACE", arguments.location,
                     "oci:REGISTRY/REPOSITORY, a directory, or the URL of one that a web server serves",
                     Options::Presence::required);
  options.value("--trust", "KEY", arguments.trusted,
                "a public key whose signatures count: a file, the name of one of your keys, or its line; may be "
                "repeated");
  options.value("--agree", "NUMBER", arguments.agree, "how many of these keys have to say the same (default: 1)");
  options.flag("--offline", arguments.offline, "do not look whether the place can be reached");
}

std::vector<std::string> key_lines(const std::vector<std::string>& words) {
  std::vector<std::string> lines;
  signing::Trust trust;
  for (const auto& word : words) trust.keys.push_back(signing::find_public_key(keys_directory(), word));
  for (const auto& key : trust.keys) lines.push_back(signing::text(key));
  return lines;
}

void require_new(const std::vector<exchange::Cache>& caches, const exchange::Cache& cache) {
  for (const auto& other : caches) {
    if (other.name == cache.name)
      throw UsageError(fmt::format("cache add: there is a cache \"{}\" already ({}): `karapace cache remove {}` first",
                                   other.name, escaped_utf8(other.location), other.name));
    if (other.location == cache.location)
      throw UsageError(
          fmt::format("cache add: {} is the cache \"{}\" already", escaped_utf8(cache.location), other.name));
  }
}

/// A word alone would be a name on docker.io, as docker has it; who writes one means a directory, or forgot something.
void require_place(const std::string& location) {
  for (std::string_view form : {"oci:", "oci-layout:", "oci-archive:", "http://", "https://"})
    if (location.starts_with(form)) return;
  throw UsageError(fmt::format("cache add: \"{0}\" is no place: write oci:{0} for a registry, or ./{0} for a directory",
                               escaped_utf8(location)));
}

exchange::Cache cache_from(const Arguments& arguments) {
  if (const auto complaint = exchange::judge_cache_name(arguments.name); !complaint.empty())
    throw UsageError(fmt::format("cache add: \"{}\" {}", escaped_utf8(arguments.name), complaint));
  exchange::Cache cache{.name = arguments.name,
                        .location = cache_location(arguments.location),
                        .keys = key_lines(arguments.trusted),
                        .agree = static_cast<std::uint32_t>(std::min<std::uint64_t>(arguments.agree, 1U << 20))};
  require_place(cache.location);
  if (!cache.keys.empty() || cache.agree != 1) signing::require_sound(exchange_trust(cache));
  return cache;
}

/// What is there; nothing where it can not be reached now, which is told.
std::optional<exchange::LookAnswer> look(const Context& context, const exchange::Cache& cache) {
  try {
    return exchange::parse_look_answer(
        ask_registry(context, "look", exchange::text(exchange::LookRequest{cache.location})));
  } catch (const RemoteError& error) {
    context.warn(fmt::format("the cache can not be reached now: {}", error.what()));
    return std::nullopt;
  }
}

std::uint64_t believed(const exchange::Cache& cache, const exchange::LookAnswer& answer) {
  std::uint64_t most = 0;
  for (const auto& key : exchange_trust(cache).keys)
    if (const auto found = answer.environments.find(key.key.id().hex()); found != answer.environments.end())
      most = std::max(most, found->second);
  return most;
}

int run(const Context& context, const Arguments& arguments) {
  const auto file = exchange::cache_list_file(resolve::default_configuration_file());
  const auto cache = cache_from(arguments);
  require_new(exchange::read_caches(file), cache);
  const auto found = arguments.offline ? std::nullopt : look(context, cache);
  exchange::change_caches(file, [&](auto& caches) {
    require_new(caches, cache);  // somebody may have added it meanwhile
    caches.push_back(cache);
  });
  if (context.json) {
    context.print_json("karapace.cache", cache_json(cache));
    return 0;
  }
  context.print(fmt::format("added the cache {}\n", cache.name));
  if (found)
    context.print(fmt::format("  {} of trusted signers there\n", counted(believed(cache, *found), "environment")));
  if (cache.keys.empty())
    context.tell(
        "no key is trusted, so no environment is taken from it, only packages, by their digests; --trust KEY names "
        "whose signatures count, and `karapace cache push` works");
  return 0;
}

}  // namespace

Command cache_add_command() {
  return make_command<Arguments>(
      {.name = "cache add",
       .group = Group::sharing,
       .summary = "Take built environments from a registry or directory",
       .description =
           "From now on `karapace build` asks there, before it runs a step, whether the environment was built\n"
           "already. What a cache says is believed only when the keys that are trusted here have signed it; the\n"
           "place itself is believed nothing. Packages are taken by the digests that the lock has, also without\n"
           "keys. One that is down or wrong costs a warning and time.\n\n"
           "The list is $XDG_CONFIG_HOME/karapace/caches.json.",
       .examples = {{"karapace cache add team oci:registry.example/team/cache --trust keys/team.pub", "a registry"},
                    {"karapace cache add net /net/cache --trust ann --trust bob --trust eve --agree 2",
                     "a directory; two of three keys have to agree"}}},
      declare, run);
}

}  // namespace karapace::cli
