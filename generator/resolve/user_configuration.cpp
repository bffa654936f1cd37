// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/user_configuration.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "generator/manifest/toml.hpp"
#include "remote/oci/image_reference.hpp"

namespace karapace::resolve {
namespace {

class Reader {
 public:
  explicit Reader(std::string name) : name_(std::move(name)) {}

  const std::string& name() const noexcept { return name_; }

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
  std::string name_;  // the file's
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

/// A registry by itself is the host of any repository in it.
bool is_registry(std::string_view text) {
  try {
    const auto reference = oci::ImageReference::parse(fmt::format("oci:{}/x/y", text));
    return reference.registry == text && reference.repository == "x/y";
  } catch (const RemoteError&) {
    return false;
  }
}

bool is_repository(std::string_view text) {
  const auto slash = std::min(text.find('/'), text.size());
  return is_registry(text.substr(0, slash)) &&
         (slash == text.size() || oci::is_repository_name(text.substr(slash + 1)));
}

std::string registry_name(const Reader& reader, const toml::source_region& where, std::string_view name) {
  if (is_registry(name)) return std::string(name);
  reader.refuse(where, fmt::format("[registries.\"{}\"] is not a registry: write its host as images are called by it, "
                                   "\"registry.example:5000\", without https://",
                                   name));
}

RegistryChoice registry_from(const Reader& reader, const toml::table& table) {
  RegistryChoice choice;
  for (const auto& [key, node] : table) {
    const std::string_view name = key.str();
    if (name == "http") {
      choice.http = reader.truth(node, name);
    } else if (name == "mirrors") {
      choice.mirrors = reader.texts(node, name);
      for (const auto& mirror : choice.mirrors)
        if (!is_repository(mirror))
          reader.refuse(node.source(), fmt::format("\"{}\" is not a mirror of a registry: write REGISTRY or "
                                                   "REGISTRY/PREFIX, without https://",
                                                   mirror));
    } else {
      reader.refuse(key.source(), fmt::format("unknown key \"{}\" in [registries]; known are http and mirrors", name));
    }
  }
  return choice;
}

std::filesystem::path allowed_path(const Reader& reader, const toml::node& node) {
  const auto text = node.value<std::string>();
  if (!text) reader.refuse(node.source(), "mounts.allowed must be an array of paths");
  const char* home = std::getenv("HOME");
  if (text->starts_with("~/") && home != nullptr) return std::filesystem::path(home) / text->substr(2);
  if (!text->starts_with('/')) reader.refuse(node.source(), "paths in mounts.allowed must begin with / or ~/");
  return *text;
}

std::string absolute_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value == '/' ? value : "";
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

std::filesystem::path default_configuration_file() {
  std::filesystem::path directory = absolute_variable("XDG_CONFIG_HOME");
  if (directory.empty()) directory = std::filesystem::path(absolute_variable("HOME")) / ".config";
  return directory / "karapace" / "config.toml";
}

MirrorsConfiguration read_mirrors_configuration(const std::filesystem::path& file) {
  const auto text = read_file_if_exists(file);
  if (!text) return {};
  const Reader reader(file.string());
  const auto tables = manifest::parse_toml(*text, reader.name());
  MirrorsConfiguration configuration;
  for (const auto& [key, node] : tables) {
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
    } else if (key == "registries") {
      for (const auto& [name, table] : reader.table(node, "registries")) {
        configuration.registries.emplace(registry_name(reader, key.source(), name.str()),
                                         registry_from(reader, reader.table(table, name.str())));
      }
    } else if (key == "mounts") {
      continue;  // see read_allowed_mounts
    } else {
      reader.refuse(
          key.source(),
          fmt::format("unknown key \"{}\"; known are [acquisition], [keyrings], [mirrors], [mounts] and [registries]",
                      key.str()));
    }
  }
  return configuration;
}

std::vector<std::filesystem::path> read_allowed_mounts(const std::filesystem::path& file) {
  const auto text = read_file_if_exists(file);
  if (!text) return {};
  const Reader reader(file.string());
  const auto tables = manifest::parse_toml(*text, reader.name());
  const auto* mounts = tables.get("mounts");
  if (mounts == nullptr) return {};
  if (!mounts->is_table()) reader.refuse(mounts->source(), "[mounts] must be a table");
  std::vector<std::filesystem::path> allowed;
  for (const auto& [key, value] : *mounts->as_table()) {
    if (key.str() != "allowed") reader.refuse(value.source(), fmt::format("unknown key mounts.{}", key.str()));
    if (!value.is_array()) reader.refuse(value.source(), "mounts.allowed must be an array of paths");
    for (const auto& node : *value.as_array()) allowed.push_back(allowed_path(reader, node));
  }
  return allowed;
}

}  // namespace karapace::resolve
