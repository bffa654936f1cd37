// SPDX-License-Identifier: Apache-2.0
// JsonDocument: JSON that a server or a stranger's file holds, read with suspicion.
//
// Unknown fields are passed over, as the image spec demands of readers. What could be read in two ways is refused: a
// field that stands twice in one object, and text after the value; so is nesting that only an attack would have.
// Included by .cpp files only: the library behind it is long to compile.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "remote/oci/content_digest.hpp"

namespace karapace::oci {

/// An object, and what messages call it. It refers to the document, which must outlive it.
class JsonObject {
 public:
  /// RemoteError when `value` is no object.
  JsonObject(const nlohmann::json& value, std::string what);

  /// A field of the wrong type is refused with RemoteError; one that is missing or null is as if it were not there.
  std::optional<std::string> text(std::string_view name) const;
  std::optional<std::uint64_t> number(std::string_view name) const;
  std::optional<bool> boolean(std::string_view name) const;
  std::optional<JsonObject> object(std::string_view name) const;
  /// Empty when missing.
  std::vector<std::string> texts(std::string_view name) const;
  std::vector<JsonObject> objects(std::string_view name) const;
  std::map<std::string, std::string> dictionary(std::string_view name) const;
  /// The names of its fields, sorted.
  std::vector<std::string> names() const;
  bool has(std::string_view name) const { return find(name) != nullptr; }

  /// The same, but it must be there.
  std::string required_text(std::string_view name) const;
  std::uint64_t required_number(std::string_view name) const;
  JsonObject required_object(std::string_view name) const;
  ContentDigest required_digest(std::string_view name) const;

  const std::string& what() const noexcept { return what_; }
  [[noreturn]] void refuse(std::string_view reason) const;

 private:
  const nlohmann::json* find(std::string_view name) const;
  const nlohmann::json* find(std::string_view name, nlohmann::json::value_t type, std::string_view called) const;
  [[noreturn]] void refuse_missing(std::string_view name) const;

  const nlohmann::json* value_;
  std::string what_;
};

class JsonDocument {
 public:
  /// RemoteError `<what> is no JSON …` and where.
  JsonDocument(std::string_view text, std::string what);
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;
  /// Its value, which must be an object.
  JsonObject root() const { return {value_, what_}; }
  /// Its value, which must be an array of objects.
  std::vector<JsonObject> elements() const;

 private:
  nlohmann::json value_;
  std::string what_;
};

/// Compact, in the order in which fields were added: bytes whose digest counts.
using JsonOutput = nlohmann::ordered_json;
std::string compact(const JsonOutput& value);

}  // namespace karapace::oci
