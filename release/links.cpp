// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/semantic_version.hpp"
#include "release/aliases.hpp"
#include "release/host_records.hpp"
#include "release/unfinished.hpp"
#include "release/upkeep.hpp"

namespace karapace::release {

namespace {

using Links = std::map<std::string, std::string>;

std::optional<std::string> find(const Links& links, const std::string& name) {
  const auto found = links.find(name);
  if (found == links.end()) return std::nullopt;
  return found->second;
}

std::vector<LinkChange> changes(const Links& before, const Links& after) {
  Links all = before;
  all.insert(after.begin(), after.end());
  std::vector<LinkChange> changed;
  for (const auto& [name, target] : all) {
    LinkChange change{name, find(before, name), find(after, name)};
    if (change.before != change.after) changed.push_back(std::move(change));
  }
  return changed;
}

void require_known(const Destination& destination, const std::string& version) {
  if (destination.has_installed_document(version) == true) return;
  throw StoreError(
      fmt::format("release: it is not known what {0} was when it was installed (.karapace/installed/{0}), or it is "
                  "another now; `karapace release install` of its build brings that back",
                  version));
}

/// Whoever names a version exactly gets it: its own name stands for its builds alone.
void require_no_other_version(const Destination& destination, const std::string& alias, const std::string& target) {
  const auto is_of_alias = [&](const std::string& name) {
    const auto build = parse_build_name(name);
    return build && build->version == alias;
  };
  const auto versions = destination.linkable_versions();
  if (is_of_alias(target) || std::none_of(versions.begin(), versions.end(), is_of_alias)) return;
  throw UsageError(
      fmt::format("release: {0} is a version that is installed, and its name can not lead to {1}; choose another name "
                  "(`karapace release use stable {1}`)",
                  alias, target));
}

}  // namespace

LinkChoice choose_link(const Destination& destination, const std::string& alias, const std::string& version,
                       Notice notice) {
  require_alias(alias);
  const auto lock = destination.lock({}, std::move(notice));
  const auto before = destination.links();
  auto wishes = destination.wishes();
  LinkChoice choice{.before = find(wishes.chosen, alias), .after = version, .changes = {}};
  wishes.chosen[alias] = version;
  const auto aliases = aliases_of(destination.linkable_versions(), {wishes.manifest, wishes.chosen});
  if (!aliases.links.contains(alias)) require_known(destination, destination.resolve(version));
  if (!aliases.links.contains(alias))
    throw NotFoundError(
        fmt::format("release: \"{}\" is no version that \"{}\" could follow; `karapace release list` tells "
                    "what there is",
                    escaped_utf8(version), escaped_utf8(alias)));
  require_no_other_version(destination, alias, aliases.links.at(alias));
  forget_brought(destination, alias);
  destination.set_wishes(wishes);
  lock.renew();
  destination.switch_links();
  choice.changes = changes(before, destination.links());
  return choice;
}

LinkChoice forget_link(const Destination& destination, const std::string& alias, Notice notice) {
  const auto lock = destination.lock({}, std::move(notice));
  const auto before = destination.links();
  auto wishes = destination.wishes();
  LinkChoice choice{.before = find(wishes.chosen, alias), .after = {}, .changes = {}};
  wishes.chosen.erase(alias);
  const auto aliases = aliases_of(destination.linkable_versions(), {wishes.manifest, wishes.chosen});
  const bool is_ours = aliases.links.contains(alias);
  if (!choice.before && (is_ours || !before.contains(alias)))
    throw NotFoundError(fmt::format("release: nobody has chosen what \"{}\" names", escaped_utf8(alias)));
  destination.set_wishes(wishes);
  lock.renew();
  destination.switch_links();
  if (!is_ours && before.contains(alias)) {
    ::unlink(destination.version(alias).c_str());
    sync_directory(destination.root() / "versions");
  }
  choice.changes = changes(before, destination.links());
  return choice;
}

}  // namespace karapace::release
