// SPDX-License-Identifier: Apache-2.0
// Templates of `karapace new`: commented manifests to begin with.
#pragma once

#include <span>
#include <string_view>

namespace karapace::cli {

struct ManifestTemplate {
  std::string_view name;
  std::string_view summary;
  std::string_view text;
};

std::span<const ManifestTemplate> manifest_templates() noexcept;

}  // namespace karapace::cli
