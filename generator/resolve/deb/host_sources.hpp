// SPDX-License-Identifier: Apache-2.0
// HostSources: where the host itself takes its packages from, and how.
#pragma once

#include "generator/resolve/protocol.hpp"

namespace karapace::resolve::deb {

/// Reads the host's apt configuration and sources. Empty (no distribution, no mirrors) where apt is not set up.
/// A source belongs to the distribution when the Release file that the host last saw says so, else when its path
/// ends in the archive's name ("/debian", "/debian-security", "/ubuntu"): a wrong guess only fails, since signatures
/// are checked with the distribution's own keyring.
resolve::HostMirrors host_sources();

}  // namespace karapace::resolve::deb
