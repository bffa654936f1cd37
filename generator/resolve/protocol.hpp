// SPDX-License-Identifier: Apache-2.0
// Protocol: what the resolver's client and its helper program say to each other, as JSON.
//
// Both sides come from the same build, so there is one writer and one strict reader for each message. A helper that
// fails prints an error's answer (base/json/error_answer.hpp) instead.
#pragma once

#include <string>
#include <string_view>

#include "generator/resolve/mirrors.hpp"
#include "generator/resolve/resolve.hpp"

namespace karapace::resolve {

std::string request_text(const ResolveRequest& request);
ResolveRequest parse_request(std::string_view text);

std::string resolution_text(const Resolution& resolution);
Resolution parse_resolution(std::string_view text);

/// What the host's own package sources say: the answer of `karapace-resolve-deb mirrors`.
struct HostMirrors {
  std::string distribution;  // ID of /etc/os-release; "" when unknown
  Mirrors mirrors;           // of the archives of that distribution
};
std::string host_mirrors_text(const HostMirrors& host);
HostMirrors parse_host_mirrors(std::string_view text);

}  // namespace karapace::resolve
