// SPDX-License-Identifier: Apache-2.0
#include "proof/stock.hpp"

#include <algorithm>
#include <map>
#include <variant>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/digest.hpp"
#include "base/escape.hpp"
#include "remote/sha256.hpp"

namespace karapace::proof {

namespace {

using Json = nlohmann::json;

std::string sha256_of(std::string_view bytes) { return remote::Sha256Hasher().update(bytes).finish().hex(); }

std::string written(const Json& json) { return json.dump(1) + "\n"; }

/// Of packages by their places, of other things by what they are.
std::string spdx_id(const PackageFacts& one) {
  std::string id = "SPDXRef-Package-";
  for (const char c : one.name + "-" + one.package.sha256.short_hex()) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
    id += is_plain ? c : '-';
  }
  return id;
}

constexpr const char* spdx_environment = "SPDXRef-Environment";
constexpr const char* unknown = "NOASSERTION";

/// What the environment's own entry is, in both forms.
struct Whole {
  EnvironmentId id;
  std::string sha256;  // of the lock
  explicit Whole(const lock::Lock& lock) {
    const auto text = lock::serialise(lock);
    id = EnvironmentId(blake3(text));
    sha256 = sha256_of(text);
  }
  std::string name() const { return "environment-" + id.short_hex(); }
};

Json checksum(const char* algorithm, const std::string& hex) {
  return {{"algorithm", algorithm}, {"checksumValue", hex}};
}

Json spdx_entry(const std::string& id, const std::string& name, Json checksums) {
  return {{"SPDXID", id},
          {"name", name},
          {"checksums", std::move(checksums)},
          {"copyrightText", unknown},
          {"downloadLocation", unknown},
          {"filesAnalyzed", false},
          {"licenseConcluded", unknown},
          {"licenseDeclared", unknown}};
}

Json spdx_package(const PackageFacts& one) {
  const auto& package = one.package;
  auto json = spdx_entry(spdx_id(one), package.name, Json::array({checksum("SHA256", package.sha256.hex())}));
  json["versionInfo"] = package.version;
  json["packageFileName"] = package.path;
  json["supplier"] = "Organization: " + package.archive();
  // Lists of one element are written as arrays: compilers differ in what braces around a single value mean.
  json["externalRefs"] = Json::array(
      {{{"referenceCategory", "PACKAGE-MANAGER"}, {"referenceType", "purl"}, {"referenceLocator", one.address}}});
  if (one.license) json["licenseDeclared"] = one.license->text;
  if (!one.homepage.empty()) json["homepage"] = escaped_utf8(one.homepage);
  if (!one.source.empty()) json["sourceInfo"] = escaped_utf8("built from the source package " + one.source);
  if (!one.maintainer.empty()) json["comment"] = escaped_utf8("Maintainer: " + one.maintainer);
  return json;
}

Json relation(const std::string& from, const char* type, const std::string& to) {
  return {{"spdxElementId", from}, {"relationshipType", type}, {"relatedSpdxElement", to}};
}

/// What is in the environment besides packages: name and checksums.
std::vector<std::pair<std::string, Json>> other_parts(const lock::Lock& lock) {
  std::vector<std::pair<std::string, Json>> parts;
  if (lock.archive) parts.emplace_back("base archive", Json::array({checksum("SHA256", lock.archive->sha256.hex())}));
  if (lock.image) parts.emplace_back("base image", Json::array({checksum("SHA256", lock.image->manifest.hex())}));
  for (const auto& layer : lock.layers)
    parts.emplace_back(escaped_utf8(layer.name()), Json::array({checksum("BLAKE3", layer.content.hex())}));
  for (const auto& file : lock.files)
    parts.emplace_back(escaped_utf8(file.target), Json::array({checksum("BLAKE3", file.content.hex())}));
  return parts;
}

/// The licences that SPDX does not know: each name once, with the packages whose own files have its text.
Json spdx_licenses(const Stock& stock) {
  struct Named {
    std::string name;
    std::vector<std::string> packages;
  };
  std::map<std::string, Named> by_id;
  for (const auto& one : stock.packages) {
    if (!one.license) continue;
    for (const auto& reference : one.license->references) {
      auto& named = by_id[reference.id];
      if (named.name.empty()) named.name = reference.name;
      if (named.packages.empty() || named.packages.back() != one.package.name)
        named.packages.push_back(one.package.name);
    }
  }
  auto list = Json::array();
  for (const auto& [id, named] : by_id) {
    list.push_back(
        {{"licenseId", id},
         {"name", escaped_utf8(named.name)},
         {"extractedText", escaped_utf8(fmt::format("\"{}\" in usr/share/doc/PACKAGE/copyright of the packages {}",
                                                    named.name, fmt::join(named.packages, ", ")))}});
  }
  return list;
}

/// RFC 9562, version 8: 122 bits that we choose.
std::string uuid_of(std::string_view content) {
  auto hex = blake3(content).hex().substr(0, 32);
  hex[12] = '8';
  hex[16] = "89ab"[static_cast<unsigned>(hex[16] >= 'a' ? hex[16] - 'a' + 10 : hex[16] - '0') & 3];
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4), hex.substr(16, 4),
                     hex.substr(20));
}

Json cyclonedx_hash(const Json& checksum_of_spdx) {
  const auto algorithm = checksum_of_spdx["algorithm"] == "SHA256" ? "SHA-256" : "BLAKE3";
  return {{"alg", algorithm}, {"content", checksum_of_spdx["checksumValue"]}};
}

Json cyclonedx_package(const PackageFacts& one) {
  const auto& package = one.package;
  Json json = {{"type", "library"},
               {"bom-ref", one.address},
               {"name", package.name},
               {"version", package.version},
               {"purl", one.address},
               {"supplier", {{"name", package.archive()}}},
               {"hashes", Json::array({{{"alg", "SHA-256"}, {"content", package.sha256.hex()}}})}};
  if (one.license) json["licenses"] = Json::array({{{"expression", one.license->text}}});
  if (!one.maintainer.empty()) json["publisher"] = escaped_utf8(one.maintainer);
  if (!one.homepage.empty())
    json["externalReferences"] = Json::array({{{"type", "website"}, {"url", escaped_utf8(one.homepage)}}});
  if (!one.source.empty())
    json["properties"] = Json::array({{{"name", "karapace:source"}, {"value", escaped_utf8(one.source)}}});
  return json;
}

}  // namespace

std::string date_of(const lock::Lock& lock) {
  std::string newest = "1970-01-01T00:00:00Z";
  for (const auto& repository : lock.repositories)
    newest = std::max(newest, std::visit([](const auto& one) { return one.date; }, repository));
  return newest;
}

std::string spdx_text(const Stock& stock) {
  const Whole whole(stock.lock);
  auto packages = Json::array();
  auto relations = Json::array({relation("SPDXRef-DOCUMENT", "DESCRIBES", spdx_environment)});
  packages.push_back(spdx_entry(spdx_environment, whole.name(),
                                {checksum("BLAKE3", whole.id.hex()), checksum("SHA256", whole.sha256)}));
  packages.back()["comment"] = "The checksums are of the environment's canonical lock; the BLAKE3 is its id.";
  packages.back()["primaryPackagePurpose"] = "OPERATING_SYSTEM";
  packages.back()["versionInfo"] = whole.id.hex();
  const auto others = other_parts(stock.lock);
  for (std::size_t i = 0; i < others.size(); ++i) {
    const auto id = fmt::format("SPDXRef-Part-{}", i + 1);
    packages.push_back(spdx_entry(id, others[i].first, others[i].second));
    relations.push_back(relation(spdx_environment, "CONTAINS", id));
  }
  for (const auto& one : stock.packages) {
    packages.push_back(spdx_package(one));
    relations.push_back(relation(spdx_environment, "CONTAINS", spdx_id(one)));
    for (const auto needed : one.needs)
      relations.push_back(relation(spdx_id(one), "DEPENDS_ON", spdx_id(stock.packages.at(needed))));
  }
  Json json = {
      {"spdxVersion", "SPDX-2.3"},
      {"dataLicense", "CC0-1.0"},
      {"SPDXID", "SPDXRef-DOCUMENT"},
      {"name", whole.name()},
      {"creationInfo",
       {{"created", date_of(stock.lock)}, {"creators", Json::array({"Tool: karapace-" + stock.program_version})}}},
      {"packages", std::move(packages)},
      {"relationships", std::move(relations)}};
  if (auto licenses = spdx_licenses(stock); !licenses.empty()) json["hasExtractedLicensingInfos"] = std::move(licenses);
  json["documentNamespace"] = "urn:uuid:" + uuid_of(json.dump());
  return written(json);
}

std::string cyclonedx_text(const Stock& stock) {
  const Whole whole(stock.lock);
  const auto whole_reference = "karapace:" + whole.id.hex();
  auto components = Json::array();
  auto in_whole = Json::array();
  auto dependencies = Json::array();
  const auto others = other_parts(stock.lock);
  for (std::size_t i = 0; i < others.size(); ++i) {
    const auto reference = fmt::format("karapace:part:{}", i + 1);
    auto hashes = Json::array();
    for (const auto& one : others[i].second) hashes.push_back(cyclonedx_hash(one));
    components.push_back(
        {{"type", "file"}, {"bom-ref", reference}, {"name", others[i].first}, {"hashes", std::move(hashes)}});
    in_whole.push_back(reference);
  }
  for (const auto& one : stock.packages) {
    components.push_back(cyclonedx_package(one));
    in_whole.push_back(one.address);
    auto needs = Json::array();
    for (const auto needed : one.needs) needs.push_back(stock.packages.at(needed).address);
    dependencies.push_back({{"ref", one.address}, {"dependsOn", std::move(needs)}});
  }
  dependencies.push_back({{"ref", whole_reference}, {"dependsOn", std::move(in_whole)}});
  Json json = {
      {"bomFormat", "CycloneDX"},
      {"specVersion", "1.5"},
      {"version", 1},
      {"metadata",
       {{"timestamp", date_of(stock.lock)},
        {"tools",
         {{"components",
           Json::array({{{"type", "application"}, {"name", "karapace"}, {"version", stock.program_version}}})}}},
        {"component",
         {{"type", "operating-system"},
          {"bom-ref", whole_reference},
          {"name", whole.name()},
          {"version", whole.id.hex()},
          {"hashes",
           {{{"alg", "BLAKE3"}, {"content", whole.id.hex()}}, {{"alg", "SHA-256"}, {"content", whole.sha256}}}}}}}},
      {"components", std::move(components)},
      {"dependencies", std::move(dependencies)}};
  json["serialNumber"] = "urn:uuid:" + uuid_of(json.dump());
  return written(json);
}

}  // namespace karapace::proof
