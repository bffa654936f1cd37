// SPDX-License-Identifier: Apache-2.0
// Protocol: what the resolver's client and its helper program say to each other, as JSON.
//
// Both sides come from the same build, so there is one writer and one strict reader for each message. A helper that
// fails prints {"error": {"code": ..., "message": ...}} instead of its answer and exits with the kind's exit code.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
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

std::string error_text(const Error& error);
/// Throws the error that `text` reports; returns when it reports none.
void throw_if_error(std::string_view text);

}  // namespace karapace::resolve
