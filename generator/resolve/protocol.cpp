// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/protocol.hpp"

#include <nlohmann/json.hpp>

namespace karapace::resolve {
namespace {

using nlohmann::json;

std::string written(const json& value) {
  // A base archive's dpkg status may hold bytes that are no UTF-8 (a maintainer's name): they do not matter here.
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json parsed(std::string_view text, std::string_view what) {
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) throw Error("lock: the " + std::string(what) + " of karapace-resolve-deb is no JSON");
  return value;
}

/// Runs a reader; a missing or mistyped field becomes an Error.
template <class Reader>
auto reading(std::string_view what, const Reader& reader) {
  try {
    return reader();
  } catch (const json::exception& error) {
    throw Error("lock: the " + std::string(what) + " of karapace-resolve-deb cannot be read: " + error.what() +
                "; install karapace and karapace-resolve-deb from the same build");
  }
}

Digest digest_of(const json& value) {
  auto digest = Digest::from_hex(value.get<std::string>());
  if (!digest) throw std::invalid_argument("not a digest");
  return *digest;
}

Sha256 sha256_of(const json& value) {
  auto digest = Sha256::from_hex(value.get<std::string>());
  if (!digest) throw Error("lock: \"" + value.get<std::string>() + "\" is not a SHA-256 digest");
  return *digest;
}

json to_json(const lock::LockedPackage& package) {
  return {{"name", package.name}, {"version", package.version},     {"architecture", package.architecture},
          {"size", package.size}, {"sha256", package.sha256.hex()}, {"archive", package.archive},
          {"path", package.path}};
}

lock::LockedPackage package_from(const json& value) {
  return {.name = value.at("name"),
          .version = value.at("version"),
          .architecture = value.at("architecture"),
          .size = value.at("size"),
          .sha256 = sha256_of(value.at("sha256")),
          .archive = value.at("archive"),
          .path = value.at("path")};
}

json to_json(const std::vector<lock::LockedPackage>& packages) {
  json list = json::array();
  for (const auto& package : packages) list.push_back(to_json(package));
  return list;
}

std::vector<lock::LockedPackage> packages_from(const json& value) {
  std::vector<lock::LockedPackage> packages;
  packages.reserve(value.size());
  for (const auto& package : value) packages.push_back(package_from(package));
  return packages;
}

json to_json(const lock::LockedRepository& repository) {
  json indexes = json::array();
  for (const auto& index : repository.indexes) {
    indexes.push_back({{"path", index.path}, {"sha256", index.sha256.hex()}});
  }
  return {{"archive", repository.archive}, {"suite", repository.suite},     {"components", repository.components},
          {"date", repository.date},       {"signers", repository.signers}, {"indexes", std::move(indexes)}};
}

lock::LockedRepository repository_from(const json& value) {
  lock::LockedRepository repository{.archive = value.at("archive"),
                                    .suite = value.at("suite"),
                                    .components = value.at("components"),
                                    .date = value.at("date"),
                                    .signers = value.at("signers"),
                                    .indexes = {}};
  for (const auto& index : value.at("indexes")) {
    repository.indexes.push_back({.path = index.at("path"), .sha256 = sha256_of(index.at("sha256"))});
  }
  return repository;
}

json to_json(const AdditionalRepository& repository) {
  return {{"name", repository.name},
          {"key", repository.key.string()},
          {"key_content", repository.key_content.hex()},
          {"suite", repository.suite},
          {"components", repository.components}};
}

AdditionalRepository additional_from(const json& value) {
  return {.name = value.at("name"),
          .key = value.at("key").get<std::string>(),
          .key_content = digest_of(value.at("key_content")),
          .suite = value.at("suite"),
          .components = value.at("components")};
}

json to_json(const Upgrade& upgrade) { return {{"scope", static_cast<int>(upgrade.scope)}, {"names", upgrade.names}}; }

Upgrade upgrade_from(const json& value) {
  return {.scope = static_cast<Upgrade::Scope>(value.at("scope").get<int>()), .names = value.at("names")};
}

json optional_text(const std::optional<std::string>& text) { return text ? json(*text) : json(nullptr); }

std::optional<std::string> text_from(const json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<std::string>();
}

json to_json(const Acquisition& acquisition) {
  return {{"http_proxy", optional_text(acquisition.http_proxy)},
          {"https_proxy", optional_text(acquisition.https_proxy)},
          {"no_proxy", acquisition.no_proxy},
          {"ca_info", optional_text(acquisition.ca_info)},
          {"verify_peer", acquisition.verify_peer},
          {"verify_host", acquisition.verify_host},
          {"retries", acquisition.retries},
          {"timeout", acquisition.timeout_seconds},
          {"check_valid_until", acquisition.check_valid_until},
          {"check_date", acquisition.check_date}};
}

Acquisition acquisition_from(const json& value) {
  return {.http_proxy = text_from(value.at("http_proxy")),
          .https_proxy = text_from(value.at("https_proxy")),
          .no_proxy = value.at("no_proxy"),
          .ca_info = text_from(value.at("ca_info")),
          .verify_peer = value.at("verify_peer"),
          .verify_host = value.at("verify_host"),
          .retries = value.at("retries"),
          .timeout_seconds = value.at("timeout"),
          .check_valid_until = value.at("check_valid_until"),
          .check_date = value.at("check_date")};
}

json to_json(const Mirrors& mirrors) {
  json keyrings = json::object();
  for (const auto& [archive, path] : mirrors.keyrings) keyrings[archive] = path.string();
  return {
      {"archives", mirrors.archives}, {"acquisition", to_json(mirrors.acquisition)}, {"keyrings", std::move(keyrings)}};
}

Mirrors mirrors_from(const json& value) {
  Mirrors mirrors{
      .archives = value.at("archives"), .acquisition = acquisition_from(value.at("acquisition")), .keyrings = {}};
  for (const auto& [archive, path] : value.at("keyrings").items()) mirrors.keyrings[archive] = path.get<std::string>();
  return mirrors;
}

ErrorKind kind_from(std::string_view code) {
  for (auto kind : {ErrorKind::usage, ErrorKind::not_found, ErrorKind::manifest, ErrorKind::lock, ErrorKind::store,
                    ErrorKind::step, ErrorKind::sandbox, ErrorKind::remote}) {
    if (code_text(kind) == code) return kind;
  }
  return ErrorKind::general;
}

[[noreturn]] void throw_error(ErrorKind kind, const std::string& message) {
  switch (kind) {
    case ErrorKind::manifest: throw ManifestError(message);
    case ErrorKind::lock: throw LockError(message);
    case ErrorKind::store: throw StoreError(message);
    case ErrorKind::remote: throw RemoteError(message);
    default: throw Error(message, kind);
  }
}

}  // namespace

std::string request_text(const ResolveRequest& request) {
  json repositories = json::array();
  for (const auto& repository : request.repositories) repositories.push_back(to_json(repository));
  return written({{"distribution", request.distribution},
                  {"suite", request.suite},
                  {"architecture", request.architecture},
                  {"base_status", optional_text(request.base_status)},
                  {"packages", request.packages},
                  {"recommends", request.recommends == Recommends::yes},
                  {"repositories", std::move(repositories)},
                  {"keep", to_json(request.keep)},
                  {"upgrade", to_json(request.upgrade)},
                  {"mirrors", to_json(request.mirrors)},
                  {"cache", request.cache.string()},
                  {"ignore_valid_until", request.valid_until == ValidUntil::ignore}});
}

ResolveRequest parse_request(std::string_view text) {
  const json value = parsed(text, "request");
  return reading("request", [&] {
    ResolveRequest request{
        .distribution = value.at("distribution"),
        .suite = value.at("suite"),
        .architecture = value.at("architecture"),
        .base_status = text_from(value.at("base_status")),
        .packages = value.at("packages"),
        .recommends = value.at("recommends").get<bool>() ? Recommends::yes : Recommends::no,
        .repositories = {},
        .keep = packages_from(value.at("keep")),
        .upgrade = upgrade_from(value.at("upgrade")),
        .mirrors = mirrors_from(value.at("mirrors")),
        .cache = value.at("cache").get<std::string>(),
        .valid_until = value.at("ignore_valid_until").get<bool>() ? ValidUntil::ignore : ValidUntil::check};
    for (const auto& repository : value.at("repositories")) {
      request.repositories.push_back(additional_from(repository));
    }
    return request;
  });
}

std::string resolution_text(const Resolution& resolution) {
  json repositories = json::array();
  for (const auto& repository : resolution.repositories) repositories.push_back(to_json(repository));
  return written({{"repositories", std::move(repositories)},
                  {"base", to_json(resolution.base)},
                  {"packages", to_json(resolution.packages)},
                  {"notes", resolution.notes}});
}

Resolution parse_resolution(std::string_view text) {
  const json value = parsed(text, "answer");
  return reading("answer", [&] {
    Resolution resolution{.repositories = {},
                          .base = packages_from(value.at("base")),
                          .packages = packages_from(value.at("packages")),
                          .notes = value.at("notes")};
    for (const auto& repository : value.at("repositories")) {
      resolution.repositories.push_back(repository_from(repository));
    }
    return resolution;
  });
}

std::string host_mirrors_text(const HostMirrors& host) {
  return written({{"distribution", host.distribution}, {"mirrors", to_json(host.mirrors)}});
}

HostMirrors parse_host_mirrors(std::string_view text) {
  const json value = parsed(text, "answer");
  return reading("answer", [&] {
    return HostMirrors{.distribution = value.at("distribution"), .mirrors = mirrors_from(value.at("mirrors"))};
  });
}

std::string error_text(const Error& error) {
  return written({{"error", {{"code", code_text(error.kind())}, {"message", error.what()}}}});
}

void throw_if_error(std::string_view text) {
  const json value = json::parse(text, nullptr, false);
  if (!value.is_object() || !value.contains("error")) return;
  reading("answer", [&] {
    const json& error = value.at("error");
    throw_error(kind_from(error.at("code").get<std::string>()), error.at("message").get<std::string>());
  });
}

}  // namespace karapace::resolve
