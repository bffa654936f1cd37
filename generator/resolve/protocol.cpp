// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/protocol.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json/message.hpp"
#include "base/json/record.hpp"

namespace karapace::resolve {
namespace {

using lock::DebRepository, lock::LockedIndex, lock::LockedPackage, lock::LockedRepository;

constexpr auto package_fields =
    fields_of<LockedPackage>(member("name", &LockedPackage::name), member("version", &LockedPackage::version),
                             member("architecture", &LockedPackage::architecture), member("size", &LockedPackage::size),
                             member("sha256", &LockedPackage::sha256), member("repository", &LockedPackage::repository),
                             member("path", &LockedPackage::path));

constexpr auto index_fields =
    fields_of<LockedIndex>(member("path", &LockedIndex::path), member("sha256", &LockedIndex::sha256));

constexpr auto deb_fields = fields_of<DebRepository>(
    member("archive", &DebRepository::archive), member("suite", &DebRepository::suite),
    member("components", &DebRepository::components), member("date", &DebRepository::date),
    member("signers", &DebRepository::signers), member("indexes", &DebRepository::indexes, list_of(index_fields)));

/// The helper's family has one kind.
struct RepositoryCodec {
  static void write(JsonWriter& json, const LockedRepository& repository) {
    deb_fields.write(json, std::get<DebRepository>(repository));
  }
  static void read(JsonReader& json, LockedRepository& repository) {
    deb_fields.read(json, repository.emplace<DebRepository>());
  }
};
constexpr RepositoryCodec repository_fields;

struct PlaceCodec {
  static void write(JsonWriter& json, const manifest::Place& place) { escaped_bytes.write(json, place.text); }
  static void read(JsonReader& json, manifest::Place& place) { escaped_bytes.read(json, place.text); }
};
constexpr auto additional_fields = fields_of<AdditionalRepository>(
    member("name", &AdditionalRepository::name), member("key", &AdditionalRepository::key),
    member("key_content", &AdditionalRepository::key_content), member("suite", &AdditionalRepository::suite),
    member("components", &AdditionalRepository::components),
    member("uri_place", &AdditionalRepository::uri_place, PlaceCodec{}));

constexpr auto scopes = words_of<Upgrade::Scope>(
    "is no scope",
    {{Upgrade::Scope::none, "none"}, {Upgrade::Scope::named, "named"}, {Upgrade::Scope::everything, "everything"}});
constexpr auto recommends =
    words_of<Recommends>("must be yes or no", {{Recommends::no, "no"}, {Recommends::yes, "yes"}});
constexpr auto valid_until =
    words_of<ValidUntil>("must be check or ignore", {{ValidUntil::check, "check"}, {ValidUntil::ignore, "ignore"}});

constexpr auto rollback =
    words_of<Rollback>("must be refuse or allow", {{Rollback::refuse, "refuse"}, {Rollback::allow, "allow"}});

constexpr auto upgrade_fields =
    fields_of<Upgrade>(member("scope", &Upgrade::scope, scopes), member("names", &Upgrade::names));

constexpr auto acquisition_fields = fields_of<Acquisition>(
    member("http_proxy", &Acquisition::http_proxy), member("https_proxy", &Acquisition::https_proxy),
    member("no_proxy", &Acquisition::no_proxy), member("ca_info", &Acquisition::ca_info),
    member("verify_peer", &Acquisition::verify_peer), member("verify_host", &Acquisition::verify_host),
    member("retries", &Acquisition::retries), member("timeout", &Acquisition::timeout_seconds),
    member("check_valid_until", &Acquisition::check_valid_until), member("check_date", &Acquisition::check_date));

constexpr auto mirrors_fields = fields_of<Mirrors>(member("archives", &Mirrors::archives),
                                                   member("acquisition", &Mirrors::acquisition, acquisition_fields),
                                                   member("keyrings", &Mirrors::keyrings));

constexpr auto placed_fields = fields_of<manifest::PlacedWord>(
    member("text", &manifest::PlacedWord::text), member("place", &manifest::PlacedWord::place, PlaceCodec{}));

constexpr auto request_fields = fields_of<ResolveRequest>(
    member("distribution", &ResolveRequest::distribution), member("suite", &ResolveRequest::suite),
    member("architecture", &ResolveRequest::architecture),
    member("foreign_architectures", &ResolveRequest::foreign_architectures),
    // It may hold bytes that are no UTF-8 (a maintainer's name).
    optional_member("base_status", &ResolveRequest::base_status, escaped_bytes),
    member("packages", &ResolveRequest::packages), member("recommends", &ResolveRequest::recommends, recommends),
    member("repositories", &ResolveRequest::repositories, list_of(additional_fields)),
    member("keep", &ResolveRequest::keep, list_of(package_fields)),
    member("hold", &ResolveRequest::hold, list_of(placed_fields)),
    member("prefer", &ResolveRequest::prefer, list_of(placed_fields)),
    member("known", &ResolveRequest::known, list_of(repository_fields)),
    member("rollback", &ResolveRequest::rollback, rollback),
    member("upgrade", &ResolveRequest::upgrade, upgrade_fields),
    member("mirrors", &ResolveRequest::mirrors, mirrors_fields), member("cache", &ResolveRequest::cache),
    member("valid_until", &ResolveRequest::valid_until, valid_until));

constexpr auto resolution_fields =
    fields_of<Resolution>(member("repositories", &Resolution::repositories, list_of(repository_fields)),
                          member("base", &Resolution::base, list_of(package_fields)),
                          member("packages", &Resolution::packages, list_of(package_fields)),
                          member("notes", &Resolution::notes, list_of(escaped_bytes)));

constexpr auto host_fields = fields_of<HostMirrors>(member("distribution", &HostMirrors::distribution),
                                                    member("mirrors", &HostMirrors::mirrors, mirrors_fields));

template <class Fields, class Message>
std::string written(const Fields& fields, const Message& message) {
  return json_text(fields, message, JsonWriter::Space::none);
}

template <class Fields>
auto parsed(const Fields& fields, std::string_view text) {
  return parse_message(fields, text, "karapace-resolve-deb");
}

}  // namespace

std::string request_text(const ResolveRequest& request) { return written(request_fields, request); }
ResolveRequest parse_request(std::string_view text) { return parsed(request_fields, text); }

std::string resolution_text(const Resolution& resolution) { return written(resolution_fields, resolution); }
Resolution parse_resolution(std::string_view text) { return parsed(resolution_fields, text); }

std::string host_mirrors_text(const HostMirrors& host) { return written(host_fields, host); }
HostMirrors parse_host_mirrors(std::string_view text) { return parsed(host_fields, text); }

}  // namespace karapace::resolve
