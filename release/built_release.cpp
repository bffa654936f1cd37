// SPDX-License-Identifier: Apache-2.0
#include "release/built_release.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::release {

Declared declared_release(const std::filesystem::path& manifest) {
  throw NotFoundError(fmt::format("release: the manifest \"{}\" tells no destination; name it with --destination DIR",
                                  escaped_utf8(manifest.native())));
}

Release find_built_release(const store::Store& /*store*/, const std::filesystem::path& /*manifest*/) {
  throw NotFoundError("release: it is not built; run `karapace release build`");
}

}  // namespace karapace::release
