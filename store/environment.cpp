// SPDX-License-Identifier: Apache-2.0
#include "store/environment.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "base/file_lock.hpp"
#include "base/json/record.hpp"

namespace karapace::store {

namespace {

constexpr std::string_view remedy = "run `karapace verify-store --repair`, then ninja again";

std::string what_of(const EnvironmentId& id) { return fmt::format("the record of the environment {}", id.hex()); }

}  // namespace

std::string Environment::text() const {
  auto layer_ids = nlohmann::json::array();
  for (const auto& layer : layers) layer_ids.push_back(layer.hex());
  nlohmann::json record = {{"format", 1},
                           {"id", id.hex()},
                           {"layers", layer_ids},
                           {"lock", lock.hex()},
                           {"runtime", nlohmann::json::parse(runtime.text())},
                           {"step", step.hex()}};
  return sealed(record.dump(1) + "\n");
}

Environment Environment::parse(std::string_view text, std::string_view what) {
  return read_sealed_record(text, what, remedy, [](const nlohmann::json& json) {
    require_fields(json, {"format", "id", "layers", "lock", "runtime", "step"});
    if (json.at("format") != 1) throw std::invalid_argument("unknown format");
    Environment environment;
    environment.id = id_field<EnvironmentId>(json.at("id"));
    environment.step = id_field<StepKey>(json.at("step"));
    environment.lock = id_field<BlobId>(json.at("lock"));
    environment.runtime = RuntimeConfiguration::parse(json.at("runtime").dump(), "runtime");
    for (const auto& layer : json.at("layers")) environment.layers.push_back(id_field<LayerId>(layer));
    return environment;
  });
}

void add_environment(const Store& store, const Environment& environment) {
  auto path = store.environment_path(environment.id);
  auto text = environment.text();
  auto lock = store.lock_contents(LOCK_SH);
  // Sessions lock the record's file: replacing it by an equal one would free it under them.
  if (read_file_if_exists(path) == text) return;
  publish_file(store.staging_path(), path, text, Durable::no);
}

std::optional<Environment> find_environment(const Store& store, const EnvironmentId& id) {
  auto text = read_file_if_exists(store.environment_path(id));
  if (!text) return std::nullopt;
  auto environment = Environment::parse(*text, what_of(id));
  if (environment.id != id) {
    throw StoreError(fmt::format("{} describes another environment; {}", what_of(id), remedy));
  }
  return environment;
}

std::vector<Environment> environments(const Store& store) {
  std::vector<Environment> found;
  for (const auto& name : names_in(store.root() / "environments")) {
    auto id = EnvironmentId::from_hex(name);
    if (!id) {
      throw StoreError(fmt::format("\"environments/{}\" does not belong into a store; {}", escaped_utf8(name), remedy));
    }
    if (auto environment = find_environment(store, *id)) found.push_back(std::move(*environment));
  }
  return found;
}

FileLock use_environment(const Store& store, const EnvironmentId& id) {
  auto lock = FileLock::acquire_existing(store.environment_path(id), LOCK_SH);
  if (!lock) throw NotFoundError(fmt::format("the environment {} is not built; run ninja", id.short_hex()));
  return std::move(*lock);
}

}  // namespace karapace::store
