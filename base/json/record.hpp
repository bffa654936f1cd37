// SPDX-License-Identifier: Apache-2.0
// Reading the store's JSON records strictly: a missing, unknown or malformed field is a StoreError that names the file.
#pragma once

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/json/seal.hpp"

namespace karapace {

/// What `read` returns; whatever it throws becomes StoreError "<what> is damaged (...); <remedy>".
template <class Read>
auto read_or_damaged(std::string_view what, std::string_view remedy, Read read) {
  try {
    return read();
  } catch (const std::exception& error) {
    throw StoreError(std::string(what) + " is damaged (" + error.what() + "); " + std::string(remedy));
  }
}

/// Parses `text` and hands it to `read`.
template <class Read>
auto read_record(std::string_view text, std::string_view what, std::string_view remedy, Read read) {
  return read_or_damaged(what, remedy, [&] { return read(nlohmann::json::parse(text)); });
}

/// The same for a text that carries a seal.
template <class Read>
auto read_sealed_record(std::string_view text, std::string_view what, std::string_view remedy, Read read) {
  return read_or_damaged(what, remedy, [&] { return read(nlohmann::json::parse(unsealed(text))); });
}

/// Exactly these fields.
inline void require_fields(const nlohmann::json& json, std::initializer_list<const char*> fields) {
  if (!json.is_object() || json.size() != fields.size()) throw std::invalid_argument("unexpected fields");
  for (const char* field : fields) json.at(field);
}

template <class Id>
Id id_field(const nlohmann::json& json) {
  auto id = Id::from_hex(json.get<std::string>());
  if (!id) throw std::invalid_argument("not a digest");
  return *id;
}

/// Paths are bytes; JSON is UTF-8.
inline std::string path_field(const std::filesystem::path& path) { return escaped_utf8(path.native()); }
inline std::filesystem::path path_from(const nlohmann::json& json) {
  auto bytes = unescaped_utf8(json.get<std::string>());
  if (!bytes) throw std::invalid_argument("a path is malformed");
  return *bytes;
}

}  // namespace karapace
