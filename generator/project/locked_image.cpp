// SPDX-License-Identifier: Apache-2.0
#include "generator/project/locked_image.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "generator/graph/graph.hpp"
#include "generator/manifest/base_image.hpp"
#include "remote/oci/image_location.hpp"
#include "store/store.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view hint =
    "a tag that moved since makes no difference: run `karapace lock` again, or with --upgrade for the image of today";

std::string absolute(const std::string& location, const fs::path& directory) {
  return manifest::is_local_image(location) ? oci::ImageLocation::parse(location).absolute(directory).text() : location;
}

/// Which servers are reached how is a matter of this machine's network, not of the distribution in the image.
resolve::Mirrors mirrors_of(const MachinePaths& paths) {
  return resolve::find_mirrors({.distribution = "",
                                .architecture = "",
                                .additional = {},
                                .configuration = paths.configuration,
                                .cache = paths.cache});
}

/// Where its blobs are, which are of all of its images.
std::string without_name(const std::string& location) {
  auto place = oci::ImageLocation::parse(location);
  place.name.reset();
  return place.text();
}

}  // namespace

resolve::ImageResolution locked_image(const manifest::BaseImage& image, const std::string& architecture,
                                      const fs::path& directory, const MachinePaths& paths) {
  const auto mirrors = mirrors_of(paths);
  return resolve::resolve_image({.locations = resolve::image_locations(absolute(image.location, directory), mirrors),
                                 .platform = resolve::platform_of(architecture),
                                 .sources = resolve::mirrors_text(mirrors, {})});
}

std::map<std::string, std::vector<std::string>> places_of(const lock::LockedImage& locked, const std::string& location,
                                                          const fs::path& directory, const resolve::Mirrors& mirrors) {
  auto repositories = resolve::blob_locations(absolute(location, directory), mirrors);
  if (manifest::is_local_image(location))
    for (auto& repository : repositories) repository = without_name(repository);
  std::map<std::string, std::vector<std::string>> places;
  for (const auto& layer : locked.layers) {
    auto& all = places[layer.sha256.hex()];
    all.clear();
    for (const auto& repository : repositories)
      all.push_back(fmt::format("{}@sha256:{}", repository, layer.sha256.hex()));
  }
  return places;
}

BaseContents read_image(const manifest::BaseImage& image, const lock::LockedImage& locked, const fs::path& directory,
                        const MachinePaths& paths) {
  fs::create_directories(paths.cache);
  const TemporaryDirectory here("image", paths.cache);
  const auto mirrors = mirrors_of(paths);
  const auto sources = here.path() / "sources.json";
  write_file_atomically(sources, resolve::mirrors_text(mirrors, places_of(locked, image.location, directory, mirrors)),
                        Durable::no);
  const auto store = store::Store::open(paths.store, store::Store::Access::create);
  std::vector<StepKey> unpacks;
  for (const auto& [fetch, unpack] : graph::image_steps(locked)) {
    unpacks.push_back(unpack.key());
    if (store.record(unpacks.back())) continue;
    if (!store.record(fetch.key())) run_base_step(fetch, paths.store, sources, hint);
    run_base_step(unpack, paths.store, sources, hint);
  }
  return read_base(store, unpacks, "base image");
}

}  // namespace karapace::project
