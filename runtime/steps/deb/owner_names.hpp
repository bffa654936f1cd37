// SPDX-License-Identifier: Apache-2.0
// Owners by name: dpkg gives a file to the user and the group whose names the archive has, where the system knows them,
// and to the numbers in the archive only where it does not. An unpacked package belongs to every system, so it has the
// numbers, and the names beside it in `dpkg/owners`; where a system has other numbers for them, dpkg unpacks it there.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "runtime/trees/layer_stack.hpp"

namespace karapace::steps::deb {

/// What an archive calls the owners of its files.
class OwnerNames {
 public:
  void add_user(std::string_view name, std::uint32_t number) { add("user", name, number); }
  void add_group(std::string_view name, std::uint32_t number) { add("group", name, number); }
  /// A line each, "group staff 50", sorted; root and what can be no name are not there.
  std::string text() const;

 private:
  void add(std::string_view kind, std::string_view name, std::uint32_t number);
  std::set<std::string> lines_;
};

/// The users and groups of the layers below an installation.
class KnownOwners {
 public:
  explicit KnownOwners(const trees::LayerStack& lower);
  /// Whether each owner in the text of OwnerNames has the same number here.
  bool agree(std::string_view owner_names) const;

 private:
  void add(std::string_view kind, std::string_view database);
  std::map<std::string, std::string, std::less<>> numbers_;  // "group staff" -> "50"
};

}  // namespace karapace::steps::deb
