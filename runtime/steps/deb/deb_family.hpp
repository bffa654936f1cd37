// SPDX-License-Identifier: Apache-2.0
// The family "deb": Debian's packages and those of its relatives.
#pragma once

#include <string_view>
#include <utility>

#include "runtime/steps/deb/dpkg_database.hpp"
#include "runtime/steps/package_family.hpp"

namespace karapace::steps::deb {

/// debconf(7): packages are told their answers, or take their defaults.
inline constexpr std::pair<std::string_view, std::string_view> variables[] = {
    {"DEBIAN_FRONTEND", "noninteractive"},
    {"DEBCONF_NONINTERACTIVE_SEEN", "true"},
};

PackageMeta unpack_deb(PackageArchive archive);
LayerBuildPlan install_debs(Installation installation);

inline constexpr PackageFamily family = {
    .name = "deb", .variables = variables, .unpack = unpack_deb, .install = install_debs, .opens = is_read_by_dpkg};

}  // namespace karapace::steps::deb
