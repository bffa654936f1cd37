// SPDX-License-Identifier: Apache-2.0
// Owners by name: dpkg gives a file to the user and the group whose names the archive has, where the system knows them,
// and to the numbers in the archive only where it does not. An unpacked package belongs to every system, so it has the
// numbers, and the names beside it; where a system has other numbers for them, dpkg unpacks it there.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "runtime/steps/unpacked_package.hpp"
#include "runtime/trees/layer_stack.hpp"

namespace karapace::steps::deb {

/// What an archive calls the owners of its files; root and what can be no name are left out.
class OwnerNames {
 public:
  void add_user(std::string_view name, std::uint32_t id) { add(users_, name, id); }
  void add_group(std::string_view name, std::uint32_t id) { add(groups_, name, id); }
  std::vector<NamedOwner> users() const { return {users_.begin(), users_.end()}; }
  std::vector<NamedOwner> groups() const { return {groups_.begin(), groups_.end()}; }

 private:
  static void add(std::set<NamedOwner>& owners, std::string_view name, std::uint32_t id);
  std::set<NamedOwner> users_, groups_;
};

/// The users and groups of the layers below an installation.
class KnownOwners {
 public:
  explicit KnownOwners(const trees::LayerStack& lower);
  /// Whether each user and group of the package has the same number here.
  bool agree(const PackageMeta& package) const;

 private:
  using Numbers = std::map<std::string, std::string, std::less<>>;
  static Numbers numbers(std::string_view database);
  Numbers users_, groups_;
};

}  // namespace karapace::steps::deb
