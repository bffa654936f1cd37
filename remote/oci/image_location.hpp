// SPDX-License-Identifier: Apache-2.0
// ImageLocation: where an image is, as people say it:
//
//   oci:registry.example/team/dev:1          a registry, also without "oci:" (docker's defaults: image_reference.hpp)
//   oci-layout:DIRECTORY[:TAG|@DIGEST]       an OCI image layout
//   oci-archive:FILE[:TAG|@DIGEST]           a tar archive of one
//   docker-archive:FILE[:TAG|@DIGEST]        what docker save writes; only read
//   https://HOST/DIRECTORY                   a layout that a web server serves; only read
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "remote/oci/image_reference.hpp"
#include "remote/oci/image_repository.hpp"
#include "remote/oci/layout_files.hpp"

namespace karapace::oci {

struct ImageLocation {
  enum class Kind { registry, layout, archive, docker_archive, web };
  Kind kind = Kind::registry;
  std::string place;  // "registry.example/team/dev", a path, a URL
  std::optional<ManifestName> name;

  /// RemoteError naming what is wrong.
  static ImageLocation parse(std::string_view text);
  /// A file or directory of this machine.
  bool is_local() const noexcept;
  /// One that is local and relative is below `directory` then.
  ImageLocation absolute(const std::filesystem::path& directory) const;
  /// What `parse` makes this of. For a path without a name whose own end looks like one it is not: give it a name.
  std::string text() const;
};

/// An archive that is to be written is a new one. RemoteError when it is not there, or can not be written.
std::unique_ptr<ImageRepository> open_repository(const ImageLocation& location, Access access, RegistryOptions options);
/// The name in the location, else the repository's usual one.
ManifestName name_in(ImageRepository& repository, const ImageLocation& location);

}  // namespace karapace::oci
