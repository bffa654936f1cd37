// SPDX-License-Identifier: Apache-2.0
// Suites: of which parts a distribution's release consists, and which others belong to it.
//
//   debian  SUITE, SUITE-updates and SUITE-security; SUITE-backports, SUITE-backports-sloppy and
//           SUITE-proposed-updates when somebody asks for them
//   debian  sid alone; experimental when somebody asks for it
//   ubuntu  SUITE, SUITE-updates and SUITE-security; SUITE-backports and SUITE-proposed when somebody asks for them
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "generator/manifest/manifest.hpp"
#include "generator/manifest/rules.hpp"

namespace karapace::manifest {

struct ReleaseSuite {
  enum class Use { always, when_asked };
  std::string archive;  // "debian-security"
  std::string suite;    // "bookworm-security"
  Use use = Use::always;
};

/// In the order in which apt is told of them. `distribution` is "debian" or "ubuntu".
std::vector<ReleaseSuite> suites_of(std::string_view distribution, std::string_view suite);

/// What is wrong with a suite that a manifest names, when it is none of the base's, nor in `additional`, those of its
/// additional repositories.
Complaint judge_known_suite(std::string_view word, const BaseSuite& base, const std::vector<std::string>& additional);

}  // namespace karapace::manifest
