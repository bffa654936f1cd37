// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/mirrors.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/sibling_programs.hpp"
#include "generator/resolve/helper.hpp"
#include "generator/resolve/os_release.hpp"
#include "generator/resolve/protocol.hpp"
#include "generator/resolve/user_configuration.hpp"

namespace karapace::resolve {
namespace {

using Urls = std::vector<std::string>;

Urls built_in(const std::string& archive, const std::string& architecture) {
  if (archive != "ubuntu") return {};
  if (architecture == "amd64" || architecture == "i386") {
    return {"http://archive.ubuntu.com/ubuntu", "http://security.ubuntu.com/ubuntu"};
  }
  return {"http://ports.ubuntu.com/ubuntu-ports"};
}

std::string stamp_of(const std::filesystem::path& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return fmt::format("{} -\n", path.string());
  return fmt::format("{} {} {} {}.{:09}\n", path.string(), status.st_ino, status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec);
}

/// Changes when anything changes that the host's answer is made of.
std::string host_stamp() {
  const std::filesystem::path apt = "/etc/apt";
  std::vector<std::filesystem::path> paths{"/etc/os-release", apt / "sources.list", apt / "apt.conf",
                                           find_program("karapace-resolve-deb")};
  for (const auto& directory : {apt / "sources.list.d", apt / "apt.conf.d"}) {
    paths.push_back(directory);
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::string stamp;
  for (const auto& path : paths) stamp += stamp_of(path);
  return stamp;
}

/// What was asked before, when its stamp still holds. It is an economy: a damaged one, or one of another release, is
/// replaced.
std::optional<HostMirrors> kept_mirrors(const std::filesystem::path& file, const std::string& stamp) {
  const auto text = read_file_if_exists(file);
  if (!text) return std::nullopt;
  try {
    const auto kept = nlohmann::json::parse(*text);
    if (kept.at("stamp") != stamp) return std::nullopt;
    return parse_host_mirrors(kept.at("answer").dump());
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

/// Nothing without a resolver that starts here.
std::optional<HostMirrors> host_mirrors(const std::filesystem::path& cache) {
  if (!find_resolver()) return std::nullopt;
  const std::string stamp = host_stamp();
  const auto file = cache / "host-mirrors.json";
  if (auto kept = kept_mirrors(file, stamp)) return *std::move(kept);
  const auto answer = ask_helper_if_there("mirrors");
  if (!answer) return std::nullopt;
  HostMirrors host = parse_host_mirrors(*answer);
  std::filesystem::create_directories(cache);
  const nlohmann::json kept{{"stamp", stamp}, {"answer", nlohmann::json::parse(*answer)}};
  write_file_atomically(file, kept.dump() + "\n", Durable::no);
  return host;
}

/// How a host of a known distribution, whichever, reaches servers.
Acquisition host_acquisition(const std::filesystem::path& cache) {
  if (archives_of(host_distribution()).empty()) return {};
  const auto host = host_mirrors(cache);
  return host ? host->mirrors.acquisition : Acquisition();
}

Urls additional_urls(const std::string& name, const std::string& uri) {
  auto url = normalised_url(uri);
  if (!url) {
    throw ManifestError(
        fmt::format("repository \"{}\": \"{}\" is not a repository's URL; it must begin with http://, "
                    "https:// or file:/// and have no spaces",
                    name, uri));
  }
  return {*url};
}

Urls normalised(const Urls& urls) {
  Urls list;
  for (const auto& url : urls) {
    if (auto text = normalised_url(url)) list.push_back(std::move(*text));
  }
  return list;
}

template <class Value>
void put(nlohmann::json& object, const char* key, const std::optional<Value>& value) {
  if (value) object[key] = *value;
}

}  // namespace

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

std::vector<std::string> archives_of(const std::string& distribution) {
  if (distribution == "debian") return {"debian", "debian-security"};
  if (distribution == "ubuntu") return {"ubuntu"};
  return {};
}

Mirrors find_mirrors(const MirrorsRequest& request) {
  const MirrorsConfiguration configuration = read_mirrors_configuration(request.configuration);
  Mirrors mirrors;
  std::optional<HostMirrors> host;
  for (const auto& archive : archives_of(request.distribution)) {
    auto& urls = mirrors.archives[archive];
    if (const auto own = configuration.mirrors.find(archive); own != configuration.mirrors.end()) {
      urls = own->second;
      continue;
    }
    // A host of another distribution has nothing to say about this one.
    if (!host && host_distribution() == request.distribution) host = host_mirrors(request.cache);
    if (host) {
      mirrors.acquisition = host->mirrors.acquisition;
      urls = normalised(host->mirrors.archives[archive]);
    }
    if (urls.empty()) urls = built_in(archive, request.architecture);
  }
  if (request.distribution.empty() && request.additional.empty()) mirrors.acquisition = host_acquisition(request.cache);
  for (const auto& [name, uri] : request.additional) {
    const auto own = configuration.mirrors.find(name);
    mirrors.archives[name] = own != configuration.mirrors.end() ? own->second : additional_urls(name, uri);
  }
  configuration.acquisition.apply(mirrors.acquisition);
  mirrors.keyrings = configuration.keyrings;
  for (const auto& [name, registry] : configuration.registries) {
    if (registry.http) mirrors.acquisition.http_registries.push_back(name);
    if (!registry.mirrors.empty()) mirrors.registries.emplace(name, registry.mirrors);
  }
  return mirrors;
}

std::string mirrors_text(const Mirrors& mirrors, const std::map<std::string, std::vector<std::string>>& files) {
  const Acquisition& chosen = mirrors.acquisition;
  nlohmann::json acquisition{{"retries", chosen.retries},
                             {"timeout", chosen.timeout_seconds},
                             {"verify_host", chosen.verify_host},
                             {"verify_peer", chosen.verify_peer}};
  put(acquisition, "http_proxy", chosen.http_proxy);
  put(acquisition, "https_proxy", chosen.https_proxy);
  put(acquisition, "ca_info", chosen.ca_info);
  if (!chosen.http_registries.empty()) acquisition["http_registries"] = chosen.http_registries;
  if (!chosen.no_proxy.empty()) acquisition["no_proxy"] = chosen.no_proxy;
  std::map<std::string, std::vector<std::string>> escaped;  // paths are bytes; JSON is UTF-8
  for (const auto& [digest, locations] : files) {
    for (const auto& location : locations) escaped[digest].push_back(escaped_utf8(location));
  }
  nlohmann::json value{{"acquisition", std::move(acquisition)}, {"archives", mirrors.archives}, {"files", escaped}};
  if (!mirrors.blobs.empty()) value["blobs"] = mirrors.blobs;
  return value.dump(1) + "\n";
}

}  // namespace karapace::resolve
