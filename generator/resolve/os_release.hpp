// SPDX-License-Identifier: Apache-2.0
// os-release(5): which distribution a system is.
#pragma once

#include <string>
#include <string_view>

namespace karapace::resolve {

/// The value of NAME= in the text of an os-release file, without its quotes; empty when it has none.
std::string os_release_value(std::string_view text, std::string_view name);

/// The ID of this machine: "debian", "ubuntu"; empty when nothing tells it.
std::string host_distribution();

}  // namespace karapace::resolve
