// SPDX-License-Identifier: Apache-2.0
#include "remote/sources.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::remote {

namespace {

using Json = nlohmann::json;

void refuse_unknown(const Json& object, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw std::invalid_argument(fmt::format("unknown field \"{}\"", name));
    }
  }
}

std::optional<std::string> text_of(const Json& object, const char* name) {
  if (!object.contains(name)) return std::nullopt;
  return object.at(name).get<std::string>();
}

TransferOptions options_from(const Json& json) {
  refuse_unknown(json, {"ca_info", "http_proxy", "http_registries", "https_proxy", "no_proxy", "retries", "timeout",
                        "verify_host", "verify_peer"});
  TransferOptions options;
  options.ca_info = text_of(json, "ca_info");
  options.http_proxy = text_of(json, "http_proxy");
  options.https_proxy = text_of(json, "https_proxy");
  if (json.contains("no_proxy")) options.no_proxy = json.at("no_proxy").get<std::vector<std::string>>();
  if (json.contains("http_registries"))
    options.http_registries = json.at("http_registries").get<std::vector<std::string>>();
  options.retries = json.value("retries", options.retries);
  options.timeout_seconds = json.value("timeout", options.timeout_seconds);
  options.verify_host = json.value("verify_host", options.verify_host);
  options.verify_peer = json.value("verify_peer", options.verify_peer);
  return options;
}

using Locations = decltype(Sources::files);

/// Paths are bytes; JSON is UTF-8.
Locations unescaped_locations(Locations files) {
  for (auto& [digest, locations] : files) {
    for (auto& location : locations) {
      auto bytes = unescaped_utf8(location);
      if (!bytes) throw std::invalid_argument(fmt::format("malformed location of {}", digest));
      location = std::move(*bytes);
    }
  }
  return files;
}

bool is_url(std::string_view location) { return location.find("://") != std::string_view::npos; }

/// Encodes what may not stand in a URL's path as it is (RFC 3986, 3.3).
std::string encoded_path(std::string_view path) {
  std::string text;
  for (char c : path) {
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                 std::string_view("-._~/+:@!$&'()*,;=").find(c) != std::string_view::npos;
    text += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return text;
}

std::string join(std::string_view base, std::string_view path) {
  while (base.ends_with('/')) base.remove_suffix(1);
  return fmt::format("{}/{}", base, is_url(base) ? encoded_path(path) : std::string(path));
}

std::string decoded(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    bool escape = text[i] == '%' && i + 2 < text.size() &&
                  std::from_chars(&text[i + 1], &text[i + 1] + 2, value, 16).ptr == &text[i + 1] + 2;
    bytes += escape ? static_cast<char>(value) : text[i];
    if (escape) i += 2;
  }
  return bytes;
}

}  // namespace

std::string options_text(const TransferOptions& options) {
  Json json = {{"no_proxy", options.no_proxy},
               {"retries", options.retries},
               {"timeout", options.timeout_seconds},
               {"verify_host", options.verify_host},
               {"verify_peer", options.verify_peer}};
  if (!options.http_registries.empty()) json["http_registries"] = options.http_registries;
  if (options.ca_info) json["ca_info"] = *options.ca_info;
  if (options.http_proxy) json["http_proxy"] = *options.http_proxy;
  if (options.https_proxy) json["https_proxy"] = *options.https_proxy;
  return json.dump();
}

TransferOptions parse_options(std::string_view text) { return options_from(Json::parse(text)); }

Sources parse_sources(std::string_view text, std::string_view what) {
  try {
    auto json = Json::parse(text);
    if (!json.is_object()) throw std::invalid_argument("it is not an object");
    refuse_unknown(json, {"acquisition", "archives", "blobs", "files"});
    Sources sources;
    using Lists = decltype(sources.archives);
    if (json.contains("archives")) sources.archives = json.at("archives").get<Lists>();
    if (json.contains("files")) sources.files = unescaped_locations(json.at("files").get<Lists>());
    if (json.contains("blobs")) sources.blobs = json.at("blobs").get<std::vector<std::string>>();
    if (json.contains("acquisition")) sources.options = options_from(json.at("acquisition"));
    return sources;
  } catch (const std::exception& error) {
    throw RemoteError(fmt::format("{} is not a list of mirrors ({}); run karapace gen again", what, error.what()));
  }
}

std::vector<std::string> locations(const Sources& sources, std::string_view digest, std::string_view archive,
                                   std::string_view path) {
  std::vector<std::string> found;
  if (auto own = sources.files.find(digest); own != sources.files.end()) found = own->second;
  auto mirrors = sources.archives.find(archive);
  if (path.empty() || mirrors == sources.archives.end()) return found;
  for (const auto& base : mirrors->second) found.push_back(join(base, path));
  return found;
}

std::vector<std::string> blob_locations(const Sources& sources, std::string_view sha256) {
  constexpr std::string_view directory = "oci-layout:";
  std::vector<std::string> found;
  for (const auto& place : sources.blobs) {
    const auto in_layout = fmt::format("blobs/sha256/{}", sha256);
    if (place.starts_with(directory))
      found.push_back(join(std::string_view(place).substr(directory.size()), in_layout));
    else if (is_url(place))
      found.push_back(join(place, in_layout));
    else
      found.push_back(fmt::format("{}@sha256:{}", place, sha256));
  }
  return found;
}

bool names_image_blob(std::string_view address) noexcept {
  constexpr std::string_view prefixes[] = {"oci:", "oci-layout:", "oci-archive:", "docker-archive:"};
  return std::any_of(std::begin(prefixes), std::end(prefixes),
                     [&](std::string_view prefix) { return address.starts_with(prefix); });
}

std::optional<std::filesystem::path> local_path(std::string_view location) {
  if (location.starts_with('/')) return std::filesystem::path(location);
  for (std::string_view scheme : {"file:///", "file://localhost/", "file:/"}) {
    if (location.starts_with(scheme)) return decoded(location.substr(scheme.size() - 1));
  }
  return std::nullopt;
}

}  // namespace karapace::remote
