// SPDX-License-Identifier: Apache-2.0
#include "image/environment_image.hpp"

#include <algorithm>
#include <variant>

#include <fmt/format.h>

#include "base/error.hpp"
#include "generator/lock/environment_lock.hpp"
#include "remote/oci/image_config.hpp"

namespace karapace::image {

namespace {

struct Architecture {
  std::string_view debian;
  std::string_view go;
  std::string_view variant;
};
constexpr Architecture architectures[] = {
    {"amd64", "amd64", ""},     {"arm64", "arm64", ""},     {"armel", "arm", "v5"},       {"armhf", "arm", "v7"},
    {"i386", "386", ""},        {"loong64", "loong64", ""}, {"mips64el", "mips64le", ""}, {"mipsel", "mipsle", ""},
    {"ppc64el", "ppc64le", ""}, {"riscv64", "riscv64", ""}, {"s390x", "s390x", ""}};

oci::Platform platform_of(const lock::Lock& lock) {
  for (const auto& [debian, go, variant] : architectures)
    if (lock.architecture == debian)
      return {.os = "linux", .architecture = std::string(go), .variant = std::string(variant)};
  throw StepError(fmt::format("the architecture \"{}\" has no name among those of images", lock.architecture));
}

/// As sessions have it.
constexpr std::string_view usual_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::vector<std::string> variables_of(const lock::Lock& lock) {
  auto variables = lock.runtime.variables;
  variables.try_emplace("PATH", usual_path);
  std::vector<std::string> lines;
  for (const auto& [name, value] : variables) lines.push_back(fmt::format("{}={}", name, value));
  return lines;
}

oci::ImageConfig config_of(const lock::Lock& lock, std::span<const ImageLayer> layers) {
  const auto& settings = lock.runtime.image;
  oci::ImageConfig config{.platform = platform_of(lock), .created = created_of(lock)};
  config.user = settings.user;
  config.variables = variables_of(lock);
  config.entry_point = settings.entrypoint;
  config.command = settings.command;
  if (config.entry_point.empty() && config.command.empty()) config.command = {"/bin/sh"};
  config.working_directory = settings.working_directory.empty() ? "/" : settings.working_directory;
  config.labels = settings.labels;
  for (const auto& layer : layers) {
    config.diff_ids.emplace_back(layer.blob.diff_id.value());
    config.history.push_back({.created = config.created, .created_by = "karapace " + layer.created_by});
  }
  return config;
}

std::vector<ImageLayer> packed_layers(const store::Store& store, const store::Environment& environment,
                                      const graph::PackOptions& options) {
  std::vector<ImageLayer> layers;
  for (const auto& pack : graph::plan_packs(store.input_record(environment.step).step, options)) {
    const auto record = store.record(pack.key);
    if (!record)
      throw StepError(
          fmt::format("a layer of the environment {} is not packed, or was collected meanwhile; run the command again",
                      environment.id.short_hex()));
    ImageLayer layer{.step = pack.key, .layers = {}, .created_by = {}, .blob = record->blob(), .compression = "zstd"};
    if (options.compression == "gzip") layer.compression = "gzip";
    for (std::size_t i = 0; i < pack.count; ++i) {
      layer.layers.push_back(environment.layers.at(pack.first + i));
      const auto kind = text(store.input_record(record->step.inputs.at(i)).step.kind);
      layer.created_by += fmt::format("{}{}", i == 0 ? "" : ", ", kind);
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace

std::string created_of(const lock::Lock& lock) {
  std::string newest = "1970-01-01T00:00:00Z";
  for (const auto& repository : lock.repositories)
    std::visit([&](const auto& one) { newest = std::max(newest, one.date); }, repository);
  return newest;
}

oci::Descriptor descriptor_of(const ImageLayer& layer) {
  const auto type = layer.compression == "gzip" ? oci::media_type::layer_gzip : oci::media_type::layer_zstd;
  oci::Descriptor descriptor{
      .media_type = std::string(type), .digest = oci::ContentDigest(layer.blob.sha256), .size = layer.blob.size};
  if (layer.layers.size() == 1) descriptor.annotations.emplace(layer_annotation, layer.layers.front().hex());
  return descriptor;
}

EnvironmentImage make_image(const EnvironmentId& id, const lock::Lock& lock, std::vector<ImageLayer> layers) {
  auto config = oci::write(config_of(lock, layers));
  oci::ImageManifest manifest{.config = oci::describe(oci::media_type::config, config)};
  for (const auto& layer : layers) manifest.layers.push_back(descriptor_of(layer));
  manifest.annotations.emplace(environment_annotation, id.hex());
  manifest.annotations.emplace("org.opencontainers.image.created", created_of(lock));
  return {std::move(layers), std::move(config), oci::write(manifest)};
}

EnvironmentImage image_of(const store::Store& store, const store::Environment& environment,
                          const graph::PackOptions& options) {
  return make_image(environment.id, lock::lock_of(store, environment), packed_layers(store, environment, options));
}

}  // namespace karapace::image
