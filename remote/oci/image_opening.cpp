// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/words.hpp"
#include "remote/oci/image_location.hpp"
#include "remote/oci/layout.hpp"
#include "remote/oci/registry.hpp"

namespace karapace::oci {

namespace {

using Kind = ImageLocation::Kind;

std::unique_ptr<LayoutFiles> open_files(const ImageLocation& location, Access access, RegistryOptions options) {
  switch (location.kind) {
    case Kind::layout: return layout_directory(location.place, access);
    case Kind::archive:
      return access == Access::write ? new_layout_archive(location.place) : layout_archive(location.place);
    case Kind::docker_archive: return docker_archive(location.place);
    default: return layout_on_web(location.place, std::move(options));
  }
}

}  // namespace

std::unique_ptr<ImageRepository> open_repository(const ImageLocation& location, Access access,
                                                 RegistryOptions options) {
  if (location.kind == Kind::registry) {
    auto slash = location.place.find('/');
    return std::make_unique<Registry>(location.place.substr(0, slash), location.place.substr(slash + 1),
                                      std::move(options));
  }
  const bool is_writable = location.kind == Kind::layout || location.kind == Kind::archive;
  if (access == Access::write && !is_writable) {
    throw RemoteError(
        fmt::format("{} can not be written; write to a registry, a directory (oci-layout:) or an archive "
                    "(oci-archive:)",
                    shown_address(location.place)));
  }
  return std::make_unique<Layout>(open_files(location, access, std::move(options)));
}

ManifestName name_in(ImageRepository& repository, const ImageLocation& location) {
  return location.name ? *location.name : repository.usual_name();
}

}  // namespace karapace::oci
