// SPDX-License-Identifier: Apache-2.0
// Why packages are in a lock, as `karapace lock --why` tells it.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "generator/project/package_reasons.hpp"

namespace karapace::cli {

/// "git (system.packages) → libcurl3-gnutls (Depends) → libldap-2.5-0 (Depends: >= 2.5.4)", a line each.
std::string reasons_text(const project::PackageReasons& reasons);
/// Of "karapace.lock-why": the fields of one lock, but for where it is.
nlohmann::json reasons_json(const project::PackageReasons& reasons);
/// What has to be done before all is known; empty: all is.
std::string unread_text(const project::PackageReasons& reasons);

}  // namespace karapace::cli
