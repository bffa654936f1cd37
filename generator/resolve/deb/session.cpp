// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/session.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <apt-pkg/configuration.h>
#include <apt-pkg/error.h>
#include <apt-pkg/init.h>
#include <apt-pkg/pkgsystem.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/digest.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/remove_tree.hpp"
#include "generator/resolve/deb/signature.hpp"

namespace karapace::resolve::deb {
namespace {

using resolve::Acquisition;
using resolve::ResolveRequest;

/// Everything that decides which lists apt downloads, length-prefixed: no two sets share a directory.
std::string set_name(const resolve::ResolveRequest& request, const std::vector<Repository>& repositories) {
  std::string identity;
  const auto add = [&identity](std::string_view field) { identity += fmt::format("{}:{};", field.size(), field); };
  add(request.architecture);
  for (const auto& architecture : request.foreign_architectures) add(architecture);
  for (const auto& repository : repositories) {
    add(repository.archive);
    add(repository.suite);
    for (const auto& component : repository.components) add(component);
    add("urls");
    for (const auto& url : repository.urls) add(url);
    add(blake3(repository.read_keyring()).hex());
  }
  std::string suite = request.suite;
  std::replace(suite.begin(), suite.end(), '/', '-');
  return fmt::format("{}-{}-{}", request.distribution, suite, blake3(identity).short_hex());
}

std::filesystem::path made_directory(const std::filesystem::path& directory) {
  // Apt's lists of files (Signed-By) separate paths by spaces and commas and know no quoting.
  if (directory.string().find_first_of(" ,\t\n\"") != std::string::npos) {
    throw LockError(
        fmt::format("lock: the cache directory \"{}\" has a space, comma or quote in its path, which apt "
                    "cannot work with; set XDG_CACHE_HOME to another one",
                    directory.string()));
  }
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    throw StoreError(fmt::format("lock: cannot create \"{}\": {}", directory.string(), error.message()));
  }
  return directory;
}

/// Directories of sets that nobody asked for in a month go: they hold some hundred megabytes each.
void prune(const std::filesystem::path& sets) {
  const auto oldest = std::filesystem::file_time_type::clock::now() - std::chrono::days(30);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(sets, error)) {
    const auto used = std::filesystem::last_write_time(entry.path() / "lock", error);
    if (error || used > oldest) continue;
    if (const auto lock = FileLock::try_acquire(entry.path() / "lock", LOCK_EX)) remove_tree(entry.path());
  }
}

/// Another lock of the same repositories may fetch lists for minutes.
FileLock patiently_locked(const std::filesystem::path& file) {
  if (auto lock = FileLock::try_acquire(file, LOCK_EX)) return std::move(*lock);
  fmt::print(stderr, "lock: waiting for another karapace, which has these package lists in use\n");
  return FileLock::acquire(file, LOCK_EX);
}

std::string proxy_word(const std::string& proxy) { return proxy.empty() ? "DIRECT" : proxy; }

void configure_acquisition(const resolve::Acquisition& acquisition) {
  if (acquisition.http_proxy) _config->Set("Acquire::http::Proxy", proxy_word(*acquisition.http_proxy));
  if (acquisition.https_proxy) _config->Set("Acquire::https::Proxy", proxy_word(*acquisition.https_proxy));
  // Not Acquire::http::Proxy::HOST: that means one host, and libcurl, which fetches later, takes names for domains.
  if (!acquisition.no_proxy.empty())
    setenv("no_proxy", fmt::format("{}", fmt::join(acquisition.no_proxy, ",")).c_str(), 1);
  if (acquisition.ca_info) _config->Set("Acquire::https::CaInfo", *acquisition.ca_info);
  _config->Set("Acquire::https::Verify-Peer", acquisition.verify_peer);
  _config->Set("Acquire::https::Verify-Host", acquisition.verify_host);
  _config->Set("Acquire::Retries", std::to_string(acquisition.retries));
  for (const char* method : {"http", "https"}) {
    _config->Set(fmt::format("Acquire::{}::Timeout", method), std::to_string(acquisition.timeout_seconds));
  }
  // Dates are judged by us, on what gpgv says was signed, so that the message can tell the way out.
  _config->Set("Acquire::Check-Valid-Until", false);
  _config->Set("Acquire::Check-Date", false);
  _config->Set("Acquire::PDiffs", false);
  _config->Clear("Acquire::Languages");
  _config->Set("Acquire::Languages::", "none");
}

void configure_choice(const std::string& architecture, const std::vector<std::string>& foreign) {
  _config->Set("APT::System", "Debian dpkg interface");
  _config->Clear("APT::Architectures");
  _config->Set("APT::Architecture", architecture);
  _config->Set("APT::Architectures::", architecture);
  for (const auto& other : foreign) _config->Set("APT::Architectures::", other);
  _config->Set("APT::Get::Always-Include-Phased-Updates", true);
  // What decides is said here: releases of the library differ in their defaults.
  _config->Set("APT::Solver", "internal");
  _config->Set("APT::Solver::Strict-Pinning", true);
  _config->Set("APT::Default-Release", "");
  _config->Set("APT::Install-Suggests", false);
  _config->Clear("pkgProblemResolver");
  // The order is only written down: nothing here is configured at once.
  _config->Set("APT::Immediate-Configure", false);
  _config->Set("PackageManager::Configure", "all");
  if (geteuid() == 0) _config->Set("APT::Sandbox::User", "root");
}

}  // namespace

std::string mirror_of(const Repository& repository, std::size_t rank) {
  const std::string& url = repository.urls.at(std::min(rank, repository.urls.size() - 1));
  return url.starts_with("file:///") ? "file:" + url.substr(7) : url;
}

std::string take_apt_messages() {
  std::string all;
  while (!_error->empty()) {
    std::string message;
    _error->PopMessage(message);
    if (!all.empty()) all += "; ";
    all += message;
  }
  return all;
}

Session::Session(const resolve::ResolveRequest& request, const std::vector<Repository>& repositories)
    : repositories_(repositories),
      architectures_(request.architecture),
      directory_(
          made_directory(std::filesystem::absolute(request.cache) / "resolve-deb" / set_name(request, repositories))),
      lock_(patiently_locked(directory_ / "lock")) {
  for (const auto& architecture : request.foreign_architectures) architectures_ += " " + architecture;
  std::filesystem::last_write_time(directory_ / "lock", std::filesystem::file_time_type::clock::now());
  prune(directory_.parent_path());
  make_directories();
  write_keyrings();
  configure(request);
  set_installed("");
}

void Session::make_directories() const {
  for (const char* name : {"lists/partial", "cache", "keyrings", "etc/sources.list.d", "etc/trusted.gpg.d",
                           "etc/auth.conf.d", "archives/partial"}) {
    made_directory(directory_ / name);
  }
}

std::filesystem::path Session::keyring(const Repository& repository) const {
  return directory_ / "keyrings" / (repository.archive + ".gpg");
}

void Session::write_keyrings() const {
  for (const auto& repository : repositories_) {
    const auto what = fmt::format("the key \"{}\" of \"{}\"", repository.keyring.string(), repository.archive);
    write_file_atomically(keyring(repository), binary_keyring(repository.read_keyring(), what), Durable::no);
  }
}

void Session::configure(const resolve::ResolveRequest& request) const {
  const auto configuration = directory_ / "etc" / "apt.conf";
  const std::string text = fmt::format(
      "Dir \"{0}/\";\nDir::State \"{0}/\";\nDir::State::lists \"{0}/lists/\";\nDir::State::status \"{0}/status\";\n"
      "Dir::State::extended_states \"{0}/extended_states\";\nDir::Cache \"{0}/cache/\";\n"
      "Dir::Cache::archives \"{0}/archives/\";\nDir::Cache::pkgcache \"\";\nDir::Etc \"{0}/etc/\";\n"
      "Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n"
      "Dir::Etc::netrc \"/dev/null\";\nDir::Etc::sourcelist \"/dev/null\";\n"
      "Dir::Etc::sourceparts \"{0}/etc/sources.list.d/\";\nDir::Etc::trusted \"/dev/null\";\n"
      "Dir::Etc::preferences \"/dev/null\";\nDir::Etc::preferencesparts \"/dev/null\";\nDir::Log \"{0}/\";\n",
      directory_.string());
  write_file_atomically(configuration, text, Durable::no);
  setenv("APT_CONFIG", configuration.c_str(), 1);
  if (!pkgInitConfig(*_config)) throw LockError("lock: libapt-pkg cannot be configured: " + take_apt_messages());
  configure_acquisition(request.mirrors.acquisition);
  configure_choice(request.architecture, request.foreign_architectures);
  if (!pkgInitSystem(*_config, _system)) throw LockError("lock: libapt-pkg cannot start: " + take_apt_messages());
}

void Session::use_mirrors(std::size_t rank) const {
  std::string text;
  for (const auto& repository : repositories_) {
    text += fmt::format("Types: deb\nURIs: {}\nSuites: {}\nComponents: {}\nArchitectures: {}\nSigned-By: {}\n\n",
                        mirror_of(repository, rank), repository.suite, fmt::join(repository.components, " "),
                        architectures_, keyring(repository).string());
  }
  write_file_atomically(directory_ / "etc" / "sources.list.d" / "karapace.sources", text, Durable::no);
}

void Session::use_parsed_cache(std::string_view index_digests) const {
  const std::string name = blake3(index_digests).short_hex() + ".bin";
  for (const auto& entry : std::filesystem::directory_iterator(directory_ / "cache")) {
    if (entry.path().filename() != name) remove_tree(entry.path());
  }
  _config->Set("Dir::Cache::srcpkgcache", name);
}

void Session::set_installed(std::string_view dpkg_status) const {
  write_file_atomically(directory_ / "status", dpkg_status, Durable::no);
}

}  // namespace karapace::resolve::deb
