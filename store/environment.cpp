// SPDX-License-Identifier: Apache-2.0
#include "store/environment.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/file_lock.hpp"
#include "base/json/record.hpp"
#include "base/json/seal.hpp"

namespace karapace::store {

namespace {

constexpr std::string_view remedy = "run `karapace verify-store --repair`, then ninja again";

struct RuntimeCodec {
  static void write(JsonWriter& json, const RuntimeConfiguration& runtime) { runtime.write(json); }
  static void read(JsonReader& json, RuntimeConfiguration& runtime) { runtime.read(json); }
};

constexpr auto environment_fields =
    fields_of<Environment>(FormatMember{1}, member("id", &Environment::id), member("layers", &Environment::layers),
                           member("lock", &Environment::lock), member("runtime", &Environment::runtime, RuntimeCodec{}),
                           member("step", &Environment::step));

std::string what_of(const EnvironmentId& id) { return fmt::format("the record of the environment {}", id.hex()); }

}  // namespace

std::string Environment::text() const { return sealed(json_text(environment_fields, *this)); }

Environment Environment::parse(std::string_view text, std::string_view what) {
  return read_or_damaged(what, remedy,
                         [&] { return parse_json(environment_fields, unsealed_in_place(text), "record"); });
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

std::optional<LayerId> lost_layer(const Store& store, const Environment& environment) {
  struct stat status{};
  for (const auto& layer : environment.layers) {
    if (::stat(store.layer_tree(layer).c_str(), &status) != 0 && errno == ENOENT) return layer;
  }
  return std::nullopt;
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
