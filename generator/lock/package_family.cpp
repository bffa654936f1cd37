// SPDX-License-Identifier: Apache-2.0
// What of a lock follows from the family of its packages.
#include <cstdlib>
#include <string_view>
#include <variant>

#include "deb/version.hpp"
#include "generator/lock/lock.hpp"

namespace karapace::lock {

std::string_view package_family(const Lock& lock) {
  if (lock.repositories.empty()) return DebRepository::family;  // what is read back from a graph has none
  return std::visit([](const auto& one) { return one.family; }, lock.repositories.front());
}

std::strong_ordering compare_versions(std::string_view family, std::string_view a, std::string_view b) {
  if (family != DebRepository::family) std::abort();  // a family without an order of versions
  return deb::compare_versions(a, b);
}

}  // namespace karapace::lock
