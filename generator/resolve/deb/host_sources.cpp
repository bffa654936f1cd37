// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/host_sources.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include <apt-pkg/configuration.h>
#include <apt-pkg/init.h>
#include <apt-pkg/metaindex.h>
#include <apt-pkg/pkgsystem.h>
#include <apt-pkg/sourcelist.h>
#include <apt-pkg/strutl.h>

#include "base/file.hpp"
#include "generator/resolve/deb/control_fields.hpp"
#include "generator/resolve/deb/session.hpp"
#include "generator/resolve/os_release.hpp"

namespace karapace::resolve::deb {
namespace {

using resolve::Acquisition;
using resolve::HostMirrors;

/// Only what libcurl and apt both speak: no cdrom, tor or mirror+ methods.
bool usable(std::string_view url) {
  return url.starts_with("http://") || url.starts_with("https://") || url.starts_with("file:/");
}

std::string without_final_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

/// Label of the Release file that the host has for this source: "Debian", "Debian-Security", "Ubuntu", "".
std::string stored_label(const metaIndex& meta) {
  const std::string base = meta.GetURI() + "dists/" + meta.GetDist() + "/";
  for (const char* name : {"InRelease", "Release"}) {
    const std::filesystem::path path = _config->FindDir("Dir::State::lists") + URItoFileName(base + name);
    const auto text = read_file_if_exists(path);
    if (!text) continue;
    // The clearsigned form begins with its own header and an empty line.
    const auto start = text->starts_with("-----BEGIN") ? text->find("\n\n") + 1 : 0;
    return std::string(ControlFields(std::string_view(*text).substr(start)).value("Label"));
  }
  return {};
}

/// The archive that a source mirrors, or "".
std::string archive_of(const metaIndex& meta, const std::string& distribution) {
  const std::string label = stored_label(meta);
  if (label == "Debian" || label == "Ubuntu") return distribution;
  if (label == "Debian-Security") return "debian-security";
  if (!label.empty()) return {};
  const std::string last = std::filesystem::path(without_final_slash(meta.GetURI())).filename();
  if (last == "debian-security" || last == distribution) return last;
  return {};
}

std::optional<std::string> setting(const std::string& name) {
  if (!_config->Exists(name)) return std::nullopt;
  return _config->Find(name);
}

std::vector<std::string> direct_hosts() {
  std::set<std::string> hosts;
  for (const char* scope : {"Acquire::http::Proxy", "Acquire::https::Proxy"}) {
    const auto* item = _config->Tree(scope);
    for (item = item == nullptr ? nullptr : item->Child; item != nullptr; item = item->Next) {
      if (item->Value == "DIRECT" && !item->Tag.empty()) hosts.insert(item->Tag);
    }
  }
  return {hosts.begin(), hosts.end()};
}

std::optional<std::string> proxy(const char* scheme) {
  auto value = setting(std::string("Acquire::") + scheme + "::Proxy");
  // The node also exists as the parent of hosts with a proxy of their own: it then says nothing itself.
  if (value && value->empty()) return std::nullopt;
  return value;
}

resolve::Acquisition host_acquisition() {
  resolve::Acquisition acquisition;
  acquisition.http_proxy = proxy("http");
  acquisition.https_proxy = proxy("https");
  // Apt's https method uses the http proxy when it has none of its own.
  if (!acquisition.https_proxy) acquisition.https_proxy = acquisition.http_proxy;
  acquisition.no_proxy = direct_hosts();
  acquisition.ca_info = setting("Acquire::https::CaInfo");
  acquisition.verify_peer = _config->FindB("Acquire::https::Verify-Peer", true);
  acquisition.verify_host = _config->FindB("Acquire::https::Verify-Host", true);
  acquisition.retries = static_cast<unsigned>(std::max(0, _config->FindI("Acquire::Retries", 3)));
  acquisition.timeout_seconds = static_cast<unsigned>(std::max(1, _config->FindI("Acquire::http::Timeout", 30)));
  acquisition.check_valid_until = _config->FindB("Acquire::Check-Valid-Until", true);
  acquisition.check_date = _config->FindB("Acquire::Check-Date", true);
  return acquisition;
}

}  // namespace

resolve::HostMirrors host_sources() {
  resolve::HostMirrors host{.distribution = resolve::host_distribution(), .mirrors = {}};
  if (!pkgInitConfig(*_config) || !pkgInitSystem(*_config, _system)) return {};
  host.mirrors.acquisition = host_acquisition();
  pkgSourceList sources;
  sources.ReadMainList();
  take_apt_messages();
  for (const metaIndex* meta : sources) {
    if (!usable(meta->GetURI())) continue;
    const std::string archive = archive_of(*meta, host.distribution);
    if (archive.empty()) continue;
    auto& urls = host.mirrors.archives[archive];
    const std::string url = without_final_slash(meta->GetURI());
    if (std::find(urls.begin(), urls.end(), url) == urls.end()) urls.push_back(url);
  }
  return host;
}

}  // namespace karapace::resolve::deb
