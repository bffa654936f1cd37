// SPDX-License-Identifier: Apache-2.0
// release diff: what two installed versions are made of, compared.
#include <functional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/release_report.hpp"
#include "generator/lock/lock.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  DestinationArguments destination;
  std::string before;
  std::string after;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("BEFORE", arguments.before, "a version or a link", Options::Presence::required);
  options.positional("AFTER", arguments.after, "a version or a link", Options::Presence::required);
  declare_destination(options, arguments.destination);
}

/// Name -> version, and what tells builds of one version apart.
struct Made {
  std::string version;
  std::string content;
  bool operator==(const Made&) const = default;
};
using Parts = std::map<std::string, Made>;

Parts packages_of(const store::ReleaseDocument& document) {
  Parts parts;
  for (const auto& package : document.packages)
    parts.emplace(package.name, Made{package.version, package.entry.substr(0, 12)});
  return parts;
}

/// Nothing when the lock is not kept at the destination.
std::optional<lock::Lock> kept_lock(const release::Destination& destination, const store::ReleaseDocument& document) {
  const auto path = destination.own("locks/" + document.lock.hex());
  const auto text = read_file_if_exists(path);
  return text ? std::optional(lock::parse_lock(*text, path.native())) : std::nullopt;
}

Parts environment_of(const lock::Lock& lock) {
  Parts parts;
  for (const auto* list : {&lock.base, &lock.packages})
    for (const auto& package : *list)
      parts.insert_or_assign(lock::name_in(lock, package), Made{package.version, package.sha256.short_hex()});
  return parts;
}

/// Source -> what of it is another. What is built again only because of a dependency or the environment is not there.
using Causes = std::map<std::string, std::string>;

std::string cause(const lock::LockedSource& before, const lock::LockedSource& after) {
  constexpr std::size_t digits = 12;
  std::vector<std::string> words;
  if (before.commit != after.commit)
    words.push_back(fmt::format("commit {} -> {}", before.commit.substr(0, digits), after.commit.substr(0, digits)));
  else if (before.sha256 != after.sha256)
    words.push_back(fmt::format("source {} -> {}", before.sha256.short_hex(), after.sha256.short_hex()));
  if (before.patches != after.patches) words.emplace_back("patches");
  if (before.build != after.build) words.emplace_back("build script");
  if (before.check != after.check) words.emplace_back("checks");
  return fmt::format("{}", fmt::join(words, ", "));
}

Causes causes(const lock::Lock& before, const lock::Lock& after) {
  Causes all;
  if (!before.release || !after.release) return all;
  for (const auto& old : before.release->sources)
    for (const auto& source : after.release->sources)
      if (source.name == old.name) all.emplace(source.name, cause(old, source));
  return all;
}

struct Difference {
  std::string name;
  std::optional<Made> before;
  std::optional<Made> after;
};

std::vector<Difference> differences(const Parts& before, const Parts& after) {
  std::vector<Difference> all;
  Parts names = before;
  names.insert(after.begin(), after.end());
  for (const auto& [name, made] : names) {
    const auto find = [&](const Parts& parts) {
      const auto found = parts.find(name);
      return found == parts.end() ? std::optional<Made>() : std::optional(found->second);
    };
    Difference difference{name, find(before), find(after)};
    if (difference.before != difference.after) all.push_back(std::move(difference));
  }
  return all;
}

nlohmann::json json_of(const std::vector<Difference>& differences) {
  auto all = nlohmann::json::array();
  const auto version = [](const auto& made) { return made ? nlohmann::json(made->version) : nlohmann::json(); };
  for (const auto& one : differences)
    all.push_back({{"name", one.name},
                   {"change", !one.before  ? "added"
                              : !one.after ? "removed"
                                           : "changed"},
                   {"before", version(one.before)},
                   {"after", version(one.after)}});
  return all;
}

void print(const Context& context, std::string_view title, const std::vector<Difference>& differences,
           const Causes& causes = {}) {
  if (differences.empty()) return;
  context.print(fmt::format("{}\n", title));
  for (const auto& one : differences) {
    if (!one.before)
      context.print(fmt::format("  + {} {}\n", one.name, one.after->version));
    else if (!one.after)
      context.print(fmt::format("  - {} {}\n", one.name, one.before->version));
    else if (one.before->version != one.after->version)
      context.print(fmt::format("  {} {} -> {}\n", one.name, one.before->version, one.after->version));
    else if (const auto found = causes.find(one.name); found != causes.end() && !found->second.empty())
      context.print(fmt::format("  {} {}: another build: {}\n", one.name, one.after->version, found->second));
    else
      context.print(fmt::format("  {} {}: another build ({} -> {})\n", one.name, one.after->version,
                                one.before->content, one.after->content));
  }
}

int run(const Context& context, const Arguments& arguments) {
  const auto destination = find_destination(arguments.destination);
  const auto before = destination.resolve(arguments.before), after = destination.resolve(arguments.after);
  const auto from = destination.document(before), to = destination.document(after);
  const auto packages = differences(packages_of(from), packages_of(to));
  const auto old_lock = kept_lock(destination, from), new_lock = kept_lock(destination, to);
  const bool is_known = old_lock && new_lock;
  const auto system =
      is_known ? differences(environment_of(*old_lock), environment_of(*new_lock)) : std::vector<Difference>();
  const bool other_environment = from.environment != to.environment;
  if (context.json) {
    context.print_json("karapace.release-diff",
                       {{"after", after},
                        {"after_environment", to.environment.hex()},
                        {"before", before},
                        {"before_environment", from.environment.hex()},
                        {"destination_directory", path_json(destination.root())},
                        {"environment_packages", is_known ? json_of(system) : nlohmann::json()},
                        {"packages", json_of(packages)}});
    return 0;
  }
  print(context, "packages", packages, is_known ? causes(*old_lock, *new_lock) : Causes());
  print(context, "the environment that they were built in", system);
  if (other_environment && system.empty())
    context.print(
        fmt::format("another environment: {} -> {}\n", from.environment.short_hex(), to.environment.short_hex()));
  if (packages.empty() && !other_environment) context.print("made of the same packages in the same environment\n");
  return 0;
}

}  // namespace

Command release_diff_command() {
  return make_command<Arguments>(
      {.name = "release diff",
       .group = Group::releases,
       .summary = "Compare what two installed versions are made of",
       .description =
           "Packages of the release, and those of the environment that they were built in, by the locks that\n"
           "the destination keeps; of another build of a version the commit, source, patches or script that changed.",
       .examples = {{"karapace release diff stable latest", "what would come with latest"}}},
      declare, run);
}

}  // namespace karapace::cli
