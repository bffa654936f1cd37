// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/deb/owner_names.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/words.hpp"

namespace karapace::steps::deb {

void OwnerNames::add(std::set<NamedOwner>& owners, std::string_view name, std::uint32_t id) {
  constexpr std::size_t longest = 32;  // of tar(5), which is all that dpkg reads
  const bool can_be_one =
      !name.empty() && name.size() <= longest && name.find_first_of(": \t\n") == std::string_view::npos;
  if (!can_be_one || (name == "root" && id == 0)) return;
  owners.insert({std::string(name), id});
}

KnownOwners::KnownOwners(const trees::LayerStack& lower)
    : users_(numbers(lower.read("etc/passwd").value_or(""))), groups_(numbers(lower.read("etc/group").value_or(""))) {}

// NAME:PASSWORD:NUMBER:..., passwd(5) and group(5); the first of a name counts.
KnownOwners::Numbers KnownOwners::numbers(std::string_view database) {
  Numbers numbers;
  for (auto line : lines(database)) {
    const auto name = line.substr(0, line.find(':'));
    const auto second = line.find(':', name.size() + 1);
    if (name.size() == line.size() || second == std::string_view::npos) continue;
    numbers.emplace(name, line.substr(second + 1, line.find(':', second + 1) - second - 1));
  }
  return numbers;
}

bool KnownOwners::agree(const PackageMeta& package) const {
  const auto agrees = [](const std::vector<NamedOwner>& owners, const Numbers& known) {
    return std::all_of(owners.begin(), owners.end(), [&](const NamedOwner& owner) {
      const auto found = known.find(owner.name);
      return found != known.end() && found->second == fmt::to_string(owner.id);
    });
  };
  return agrees(package.users, users_) && agrees(package.groups, groups_);
}

}  // namespace karapace::steps::deb
