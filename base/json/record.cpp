// SPDX-License-Identifier: Apache-2.0
#include "base/json/record.hpp"

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace {

namespace {

std::string unescaped_at(JsonReader& json, std::size_t at, std::string_view text) {
  auto bytes = unescaped_utf8(text);
  if (!bytes) json.fail_at(at, "an escape is malformed");
  return *std::move(bytes);
}

}  // namespace

void EscapedCodec::write(JsonWriter& json, const std::string& bytes) { json.string(escaped_utf8(bytes)); }

void EscapedCodec::write(JsonWriter& json, const std::map<std::string, std::string>& values) {
  json.open('{', Layout::lines);
  for (const auto& [name, value] : values) {
    json.name(escaped_utf8(name));
    write(json, value);
  }
  json.close('}');
}

void EscapedCodec::read(JsonReader& json, std::string& bytes) {
  auto at = json.position();
  bytes = unescaped_at(json, at, json.string());
}

void EscapedCodec::read(JsonReader& json, std::map<std::string, std::string>& values) {
  json.map([&](const std::string& name, std::size_t at) {
    const auto [value, is_new] = values.try_emplace(unescaped_at(json, at, name));
    if (!is_new) json.fail_at(at, fmt::format("\"{}\" appears twice", name));
    read(json, value->second);
  });
}

void PlainCodec::write(JsonWriter& json, const std::filesystem::path& path) {
  EscapedCodec::write(json, path.native());
}

void PlainCodec::write(JsonWriter& json, const std::set<std::string>& values) {
  write(json, std::vector(values.begin(), values.end()));
}

void PlainCodec::read(JsonReader& json, Digest& digest) {
  auto at = json.position();
  auto found = Digest::from_hex(json.string());
  if (!found) json.fail_at(at, "a digest must be 64 lower-case hex digits");
  digest = *found;
}

void PlainCodec::read(JsonReader& json, std::filesystem::path& path) {
  std::string bytes;
  EscapedCodec::read(json, bytes);
  path = std::move(bytes);
}

void PlainCodec::read(JsonReader& json, std::set<std::string>& values) {
  json.array([&] { values.insert(json.string()); });
}

void FormatMember::require(JsonReader& json) const {
  auto at = json.position();
  auto found = json.number();
  if (found != number) {
    json.fail_at(at, fmt::format("{} {} is not supported: this Karapace reads {}", what, found, number));
  }
}

void refuse_damaged(std::string_view what, std::string_view remedy, std::string_view reason) {
  throw StoreError(fmt::format("{} is damaged ({}); {}", what, reason, remedy));
}

}  // namespace karapace
