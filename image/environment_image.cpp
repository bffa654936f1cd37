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

/// As sessions have it.
constexpr std::string_view usual_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::vector<std::string> variables_of(const lock::Lock& lock) {
  auto variables = lock.runtime.variables;
  if (lock.image) variables.insert(lock.image->variables.begin(), lock.image->variables.end());
  variables.try_emplace("PATH", usual_path);
  std::vector<std::string> lines;
  for (const auto& [name, value] : variables) lines.push_back(fmt::format("{}={}", name, value));
  return lines;
}

/// As the launcher of a release: with all arguments that it is given.
void run_program(oci::ImageConfig& config, const std::string& program) {
  config.entry_point = {program};
  config.command.clear();
  constexpr std::string_view path = "PATH=";
  const auto directory = program.substr(0, program.rfind('/'));
  for (auto& variable : config.variables)
    if (variable.starts_with(path)) variable.insert(path.size(), directory + ":");
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

/// Docker's word for the same thing does not go with a manifest of OCI's.
std::string_view type_of(const lock::LockedImageLayer& layer) {
  if (layer.media_type.ends_with("zstd")) return oci::media_type::layer_zstd;
  return layer.media_type.ends_with("gzip") ? oci::media_type::layer_gzip : oci::media_type::layer_tar;
}

class Layers {
 public:
  Layers(const store::Store& store, const store::Environment& environment, const lock::Lock& lock)
      : store_(store), environment_(environment), lock_(lock), step_(store.input_record(environment.step).step) {}

  std::vector<ImageLayer> of(const graph::PackOptions& options) const {
    std::vector<ImageLayer> layers;
    const auto kept = graph::kept_layers(options, step_.inputs.size() - 1);
    for (std::size_t i = 0; i < kept; ++i) layers.push_back(kept_layer(i));
    for (const auto& pack : graph::plan_packs(step_, options))
      layers.push_back(packed_layer(pack, options.compression));
    return layers;
  }

 private:
  /// Of the base's image: its very blob.
  ImageLayer kept_layer(std::size_t index) const {
    const auto& locked = lock_.image.value().layers.at(index);
    const auto fetch = store_.input_record(step_.inputs.at(index)).step.inputs.at(0);
    auto blob = store_.input_record(fetch).blob();
    blob.diff_id = locked.diff_id;
    return {.step = fetch,
            .layers = {layer_of(step_.inputs.at(index))},
            .created_by = "base",
            .blob = blob,
            .media_type = type_of(locked)};
  }

  ImageLayer packed_layer(const graph::PlannedPack& pack, std::string_view compression) const {
    const auto record = store_.record(pack.key);
    if (!record)
      throw StepError(
          fmt::format("a layer of the environment {} is not packed, or was collected meanwhile; run the command again",
                      environment_.id.short_hex()));
    ImageLayer layer{.step = pack.key,
                     .layers = {},
                     .created_by = {},
                     .blob = record->blob(),
                     .media_type = compression == "gzip" ? oci::media_type::layer_gzip : oci::media_type::layer_zstd};
    for (std::size_t i = 0; i < pack.count; ++i) {
      layer.layers.push_back(layer_of(step_.inputs.at(pack.first + i)));
      const auto kind = text(store_.input_record(pack.step.inputs.at(i)).step.kind);
      layer.created_by += fmt::format("{}{}", i == 0 ? "" : ", ", kind);
    }
    return layer;
  }

  /// The environment itself has each layer once, however many steps made it.
  LayerId layer_of(const StepKey& step) const { return store_.input_record(step).layer().layer; }

  const store::Store& store_;
  const store::Environment& environment_;
  const lock::Lock& lock_;
  Step step_;
};

}  // namespace

oci::Platform platform_of(const lock::Lock& lock) {
  for (const auto& [debian, go, variant] : architectures) {
    if (lock.architecture == debian)
      return {.os = "linux", .architecture = std::string(go), .variant = std::string(variant)};
  }
  throw StepError(fmt::format("the architecture \"{}\" has no name among those of images", lock.architecture));
}

std::string created_of(const lock::Lock& lock) {
  std::string newest = "1970-01-01T00:00:00Z";
  for (const auto& repository : lock.repositories)
    std::visit([&](const auto& one) { newest = std::max(newest, one.date); }, repository);
  return newest;
}

oci::Descriptor descriptor_of(const ImageLayer& layer) {
  oci::Descriptor descriptor{.media_type = std::string(layer.media_type),
                             .digest = oci::ContentDigest(layer.blob.sha256),
                             .size = layer.blob.size};
  if (layer.layers.size() == 1) descriptor.annotations.emplace(layer_annotation, layer.layers.front().hex());
  return descriptor;
}

EnvironmentImage make_image(const EnvironmentId& id, const lock::Lock& lock, std::vector<ImageLayer> layers,
                            const std::optional<ImageAddition>& addition) {
  if (addition) layers.push_back(addition->layer);
  auto settings = config_of(lock, layers);
  if (addition) run_program(settings, addition->program);
  auto config = oci::write(settings);
  oci::ImageManifest manifest{.config = oci::describe(oci::media_type::config, config)};
  for (const auto& layer : layers) manifest.layers.push_back(descriptor_of(layer));
  if (!addition) manifest.annotations.emplace(environment_annotation, id.hex());
  manifest.annotations.emplace("org.opencontainers.image.created", created_of(lock));
  return {std::move(layers), std::move(config), oci::write(manifest)};
}

EnvironmentImage image_of(const store::Store& store, const store::Environment& environment,
                          const graph::PackOptions& options, const std::optional<ImageAddition>& addition) {
  const auto lock = lock::lock_of(store, environment);
  return make_image(environment.id, lock, Layers(store, environment, lock).of(options), addition);
}

}  // namespace karapace::image
