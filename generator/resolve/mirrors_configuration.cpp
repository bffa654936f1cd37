// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/mirrors_configuration.hpp"

#include <array>
#include <limits>

#include <fmt/format.h>

#include "base/error.hpp"
#include "generator/manifest/toml.hpp"

namespace karapace::resolve {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view name) : name_(name) {}

  [[noreturn]] void refuse(const toml::source_region& where, std::string_view message) const {
    throw ManifestError(fmt::format("{}:{}:{}: {}", name_, where.begin.line, where.begin.column, message));
  }

  const toml::table& table(const toml::node& node, std::string_view key) const {
    if (const auto* table = node.as_table()) return *table;
    refuse(node.source(), fmt::format("\"{}\" must be a table", key));
  }

  std::string text(const toml::node& node, std::string_view key) const {
    if (const auto* value = node.as_string()) return value->get();
    refuse(node.source(), fmt::format("\"{}\" must be a string", key));
  }

  bool truth(const toml::node& node, std::string_view key) const {
    if (const auto* value = node.as_boolean()) return value->get();
    refuse(node.source(), fmt::format("\"{}\" must be true or false", key));
  }

  unsigned number(const toml::node& node, std::string_view key, unsigned least) const {
    const auto* value = node.as_integer();
    if (value == nullptr || value->get() < least || value->get() > 86400) {
      refuse(node.source(), fmt::format("\"{}\" must be a number from {} to 86400", key, least));
    }
    return static_cast<unsigned>(value->get());
  }

  /// A string, or an array of strings.
  std::vector<std::string> texts(const toml::node& node, std::string_view key) const {
    if (node.is_string()) return {text(node, key)};
    const auto* array = node.as_array();
    if (array == nullptr) refuse(node.source(), fmt::format("\"{}\" must be a string or a list of strings", key));
    std::vector<std::string> list;
    for (const auto& element : *array) list.push_back(text(element, key));
    return list;
  }

 private:
  std::string_view name_;
};

std::vector<std::string> urls_from(const Reader& reader, const toml::node& node, std::string_view archive) {
  std::vector<std::string> urls;
  for (const auto& text : reader.texts(node, archive)) {
    auto url = normalised_url(text);
    if (!url) {
      reader.refuse(node.source(), fmt::format("\"{}\" is not a mirror's URL; it must begin with http://, https:// or "
                                               "file:/// and have no spaces",
                                               text));
    }
    urls.push_back(std::move(*url));
  }
  if (urls.empty()) reader.refuse(node.source(), fmt::format("\"{}\" needs at least one mirror", archive));
  return urls;
}

AcquisitionChoice choice_from(const Reader& reader, const toml::table& table) {
  AcquisitionChoice choice;
  for (const auto& [key, node] : table) {
    const std::string_view name = key.str();
    if (name == "http_proxy")
      choice.http_proxy = reader.text(node, name);
    else if (name == "https_proxy")
      choice.https_proxy = reader.text(node, name);
    else if (name == "no_proxy")
      choice.no_proxy = reader.texts(node, name);
    else if (name == "ca_info")
      choice.ca_info = reader.text(node, name);
    else if (name == "verify_peer")
      choice.verify_peer = reader.truth(node, name);
    else if (name == "verify_host")
      choice.verify_host = reader.truth(node, name);
    else if (name == "retries")
      choice.retries = reader.number(node, name, 0);
    else if (name == "timeout")
      choice.timeout_seconds = reader.number(node, name, 1);
    else if (name == "check_valid_until")
      choice.check_valid_until = reader.truth(node, name);
    else if (name == "check_date")
      choice.check_date = reader.truth(node, name);
    else {
      reader.refuse(key.source(), fmt::format("unknown key \"{}\" in [acquisition]; known are ca_info, check_date, "
                                              "check_valid_until, http_proxy, https_proxy, no_proxy, retries, timeout, "
                                              "verify_host, verify_peer",
                                              name));
    }
  }
  return choice;
}

std::filesystem::path keyring_from(const Reader& reader, const toml::node& node, std::string_view archive) {
  std::filesystem::path path = reader.text(node, archive);
  if (!path.is_absolute()) reader.refuse(node.source(), fmt::format("\"{}\" must be an absolute path", archive));
  return path;
}

template <class Value>
void override_with(Value& value, const std::optional<Value>& said) {
  if (said) value = *said;
}

}  // namespace

void AcquisitionChoice::apply(Acquisition& acquisition) const {
  if (http_proxy) acquisition.http_proxy = http_proxy;
  if (https_proxy) acquisition.https_proxy = https_proxy;
  if (ca_info) acquisition.ca_info = ca_info;
  override_with(acquisition.no_proxy, no_proxy);
  override_with(acquisition.verify_peer, verify_peer);
  override_with(acquisition.verify_host, verify_host);
  override_with(acquisition.retries, retries);
  override_with(acquisition.timeout_seconds, timeout_seconds);
  override_with(acquisition.check_valid_until, check_valid_until);
  override_with(acquisition.check_date, check_date);
}

MirrorsConfiguration parse_mirrors_configuration(std::string_view text, std::string_view name) {
  const Reader reader(name);
  const toml::parse_result result = toml::parse(text, name);
  if (!result) reader.refuse(result.error().source(), result.error().description());
  MirrorsConfiguration configuration;
  for (const auto& [key, node] : result.table()) {
    if (key == "mirrors") {
      for (const auto& [archive, urls] : reader.table(node, "mirrors")) {
        configuration.mirrors.emplace(archive.str(), urls_from(reader, urls, archive.str()));
      }
    } else if (key == "acquisition") {
      configuration.acquisition = choice_from(reader, reader.table(node, "acquisition"));
    } else if (key == "keyrings") {
      for (const auto& [archive, path] : reader.table(node, "keyrings")) {
        configuration.keyrings.emplace(archive.str(), keyring_from(reader, path, archive.str()));
      }
    } else if (key == "mounts") {
      continue;  // which host directories manifests may mount: cli/mount_allowance.cpp reads it
    } else {
      reader.refuse(key.source(),
                    fmt::format("unknown key \"{}\"; known are [acquisition], [keyrings] and [mirrors]", key.str()));
    }
  }
  return configuration;
}

std::optional<std::string> normalised_url(std::string_view url) {
  for (const char c : url) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '[' || c == ']' || c == 0x7f) return std::nullopt;
  }
  while (url.ends_with('/')) url.remove_suffix(1);
  for (const std::string_view scheme : {"http://", "https://", "file:///"}) {
    if (url.size() > scheme.size() && url.starts_with(scheme)) return std::string(url);
  }
  if (url.starts_with("file:/") && !url.starts_with("file://") && url.size() > 6) {
    return "file://" + std::string(url.substr(5));
  }
  return std::nullopt;
}

}  // namespace karapace::resolve
