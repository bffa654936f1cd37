// SPDX-License-Identifier: Apache-2.0
// Manifests, indexes and configurations of images from anywhere: what is understood of one is what is understood of it
// once it was written again.
#include <cstdlib>
#include <variant>

#include "base/error.hpp"
#include "remote/oci/image_config.hpp"
#include "remote/oci/image_manifest.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace karapace::oci;

void require(bool holds) {
  if (!holds) std::abort();
}

template <class Content>
void require_same_again(const Content& content) {
  const auto written = write(content);
  require(parse(written, "written") == ManifestContent(content));
  require(write(std::get<Content>(parse(written, "written"))).bytes == written.bytes);
}

void read_manifest(std::string_view bytes, std::string_view declared) {
  try {
    const auto manifest = manifest_of(std::string(bytes), declared, "document");
    const auto content = parse(manifest, "document");
    std::visit([](const auto& one) { require_same_again(one); }, content);
    const auto referral = karapace::oci::referral(manifest, "document");
    require(referral.referrer.digest == manifest.digest);
    if (const auto* index = std::get_if<ImageIndex>(&content))
      if (const auto chosen = choose(*index, {.os = "linux", .architecture = "arm", .variant = "v7"}))
        require(chosen->platform && chosen->platform->os == "linux" && chosen->platform->architecture == "arm");
  } catch (const karapace::Error&) {
  }
}

void read_config(std::string_view bytes) {
  try {
    const auto config = parse_config(bytes, "document");
    require(parse_config(write(config), "written") == config);
  } catch (const karapace::Error&) {
  }
}

}  // namespace

void karapace::fuzz_one(std::string_view bytes) {
  for (const auto type : {std::string_view(), media_type::manifest, media_type::index, media_type::docker_manifest,
                          media_type::docker_index})
    read_manifest(bytes, type);
  read_config(bytes);
}
