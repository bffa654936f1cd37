// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/package_family.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "runtime/steps/deb/deb_family.hpp"

namespace karapace::steps {

std::span<const PackageFamily> package_families() noexcept {
  static constexpr PackageFamily families[] = {deb::family};
  return families;
}

const PackageFamily& package_family(std::string_view name) {
  for (const auto& family : package_families())
    if (family.name == name) return family;
  throw StepError(fmt::format("packages of the format \"{}\" are not known to this release", name));
}

bool is_opened_by_a_family(std::string_view path) noexcept {
  const auto families = package_families();
  return std::any_of(families.begin(), families.end(), [&](const auto& family) { return family.opens(path); });
}

}  // namespace karapace::steps
