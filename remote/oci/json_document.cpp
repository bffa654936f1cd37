// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/json_document.hpp"

#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::oci {

namespace {

using Json = nlohmann::json;
constexpr int deepest = 64;

/// Looks at what the parser meets, and refuses what is ambiguous or endless.
class Watch {
 public:
  explicit Watch(const std::string& what) : what_(what) {}

  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    if (depth > deepest) throw RemoteError(fmt::format("{} is nested deeper than {} levels", what_, deepest));
    if (event == Json::parse_event_t::object_start) open_.emplace_back();
    if (event == Json::parse_event_t::object_end) open_.pop_back();
    if (event == Json::parse_event_t::key && !open_.back().insert(parsed.get<std::string>()).second) {
      throw RemoteError(fmt::format("{} has the field \"{}\" twice", what_, printable_word(parsed.get<std::string>())));
    }
    return true;
  }

 private:
  const std::string& what_;
  std::vector<std::set<std::string>> open_;
};

Json parse(std::string_view text, const std::string& what) {
  Watch watch(what);
  try {
    return Json::parse(
        text, [&](int depth, Json::parse_event_t event, const Json& parsed) { return watch(depth, event, parsed); });
  } catch (const Json::parse_error& error) {
    throw RemoteError(fmt::format("{} is no JSON (at byte {})", what, error.byte));
  } catch (const Json::exception&) {
    throw RemoteError(fmt::format("{} has a number that is too large", what));
  }
}

}  // namespace

JsonDocument::JsonDocument(std::string_view text, std::string what)
    : value_(parse(text, what)), what_(std::move(what)) {}

std::vector<JsonObject> JsonDocument::elements() const {
  if (!value_.is_array()) throw RemoteError(fmt::format("{} is no JSON array", what_));
  std::vector<JsonObject> elements;
  for (const auto& element : value_) elements.emplace_back(element, fmt::format("{}[{}]", what_, elements.size()));
  return elements;
}

JsonObject::JsonObject(const Json& value, std::string what) : value_(&value), what_(std::move(what)) {
  if (!value.is_object()) refuse("is no JSON object");
}

void JsonObject::refuse(std::string_view reason) const { throw RemoteError(fmt::format("{} {}", what_, reason)); }

void JsonObject::refuse_missing(std::string_view name) const { refuse(fmt::format("has no \"{}\"", name)); }

const Json* JsonObject::find(std::string_view name) const {
  auto found = value_->find(name);
  return found == value_->end() || found->is_null() ? nullptr : &*found;
}

const Json* JsonObject::find(std::string_view name, Json::value_t type, std::string_view called) const {
  const auto* value = find(name);
  if (value != nullptr && value->type() != type) refuse(fmt::format("has a \"{}\" that is no {}", name, called));
  return value;
}

std::optional<std::string> JsonObject::text(std::string_view name) const {
  const auto* value = find(name, Json::value_t::string, "string");
  if (value == nullptr) return std::nullopt;
  return value->get<std::string>();
}

std::optional<std::uint64_t> JsonObject::number(std::string_view name) const {
  const auto* value = find(name, Json::value_t::number_unsigned, "whole number of at least 0");
  if (value == nullptr) return std::nullopt;
  return value->get<std::uint64_t>();
}

std::optional<bool> JsonObject::boolean(std::string_view name) const {
  const auto* value = find(name, Json::value_t::boolean, "true or false");
  if (value == nullptr) return std::nullopt;
  return value->get<bool>();
}

std::optional<JsonObject> JsonObject::object(std::string_view name) const {
  const auto* value = find(name, Json::value_t::object, "object");
  if (value == nullptr) return std::nullopt;
  return JsonObject(*value, fmt::format("{}: {}", what_, name));
}

std::vector<std::string> JsonObject::texts(std::string_view name) const {
  std::vector<std::string> texts;
  const auto* value = find(name, Json::value_t::array, "array");
  if (value == nullptr) return texts;
  for (const auto& element : *value) {
    if (!element.is_string()) refuse(fmt::format("has a \"{}\" with something that is no string", name));
    texts.push_back(element.get<std::string>());
  }
  return texts;
}

std::vector<JsonObject> JsonObject::objects(std::string_view name) const {
  std::vector<JsonObject> objects;
  const auto* value = find(name, Json::value_t::array, "array");
  if (value == nullptr) return objects;
  for (const auto& element : *value) {
    objects.emplace_back(element, fmt::format("{}: {}[{}]", what_, name, objects.size()));
  }
  return objects;
}

std::map<std::string, std::string> JsonObject::dictionary(std::string_view name) const {
  std::map<std::string, std::string> entries;
  auto found = object(name);
  if (!found) return entries;
  for (const auto& key : found->names()) entries.emplace(key, found->text(key).value_or(""));
  return entries;
}

std::vector<std::string> JsonObject::names() const {
  std::vector<std::string> names;
  for (const auto& item : value_->items()) names.push_back(item.key());
  return names;
}

std::string JsonObject::required_text(std::string_view name) const {
  auto value = text(name);
  if (!value) refuse_missing(name);
  return *value;
}

std::uint64_t JsonObject::required_number(std::string_view name) const {
  auto value = number(name);
  if (!value) refuse_missing(name);
  return *value;
}

JsonObject JsonObject::required_object(std::string_view name) const {
  auto value = object(name);
  if (!value) refuse_missing(name);
  return *value;
}

ContentDigest JsonObject::required_digest(std::string_view name) const {
  auto digest = ContentDigest::parse(required_text(name));
  if (!digest) refuse(fmt::format("has a \"{}\" that is neither a sha256 nor a sha512 digest", name));
  return *digest;
}

std::string compact(const JsonOutput& value) {
  // What is no UTF-8 is refused by the library with an exception of its own.
  try {
    return value.dump();
  } catch (const JsonOutput::exception&) {
    throw RemoteError("what is to be written into a JSON document of an image is no UTF-8");
  }
}

}  // namespace karapace::oci
