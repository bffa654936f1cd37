// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "release/aliases.hpp"
#include "release/unfinished.hpp"
#include "release/upkeep.hpp"

namespace karapace::release {

namespace {

using Links = std::map<std::string, std::string>;

std::vector<LinkChange> changes(const Links& before, const Links& after) {
  const auto find = [](const Links& links, const std::string& name) -> std::optional<std::string> {
    const auto found = links.find(name);
    if (found == links.end()) return std::nullopt;
    return found->second;
  };
  Links all = before;
  all.insert(after.begin(), after.end());
  std::vector<LinkChange> changed;
  for (const auto& [name, target] : all) {
    LinkChange change{name, find(before, name), find(after, name)};
    if (change.before != change.after) changed.push_back(std::move(change));
  }
  return changed;
}

}  // namespace

std::vector<LinkChange> choose_link(const Destination& destination, const std::string& alias,
                                    const std::string& version, Notice notice) {
  require_alias(alias);
  const auto lock = destination.lock({}, std::move(notice));
  const auto before = destination.links();
  auto wishes = destination.wishes();
  wishes.chosen[alias] = version;
  const auto aliases = aliases_of(destination.versions(), {wishes.manifest, wishes.chosen});
  if (!aliases.links.contains(alias)) destination.resolve(version);  // tells what there is
  if (!aliases.links.contains(alias))
    throw NotFoundError(
        fmt::format("release: \"{}\" is no version that \"{}\" could follow; `karapace release list` tells "
                    "what there is",
                    escaped_utf8(version), escaped_utf8(alias)));
  destination.set_wishes(wishes);
  lock.renew();
  destination.switch_links();
  return changes(before, destination.links());
}

std::vector<LinkChange> forget_link(const Destination& destination, const std::string& alias, Notice notice) {
  const auto lock = destination.lock({}, std::move(notice));
  const auto before = destination.links();
  auto wishes = destination.wishes();
  const bool was_chosen = wishes.chosen.erase(alias) != 0;
  const auto aliases = aliases_of(destination.versions(), {wishes.manifest, wishes.chosen});
  const bool is_ours = aliases.links.contains(alias);
  if (!was_chosen && (is_ours || !before.contains(alias)))
    throw NotFoundError(fmt::format("release: nobody has chosen what \"{}\" names", escaped_utf8(alias)));
  destination.set_wishes(wishes);
  lock.renew();
  destination.switch_links();
  if (!is_ours && before.contains(alias)) ::unlink(destination.version(alias).c_str());
  return changes(before, destination.links());
}

}  // namespace karapace::release
