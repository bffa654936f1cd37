// SPDX-License-Identifier: Apache-2.0
#include "store/runtime_configuration.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "base/json/record.hpp"

namespace karapace::store {

namespace {

constexpr const char* read_only = "read-only";

nlohmann::json json_of(const RuntimeConfiguration& runtime) {
  auto mounts = nlohmann::json::array();
  for (const auto& mount : runtime.mounts) {
    mounts.push_back({{"host", mount.host}, {"label", mount.label}, {"target", mount.target}});
    if (mount.access == MountAccess::read_only) mounts.back()["access"] = read_only;
  }
  nlohmann::json json = {
      {"mounts", mounts}, {"network_isolation", runtime.network_isolation}, {"variables", runtime.variables}};
  if (runtime.project == ProjectAccess::read_only) json["project"] = read_only;
  return json;
}

/// Whether the object has the field, which then says the only thing that it can say.
bool says_read_only(const nlohmann::json& json, const char* field) {
  if (!json.is_object() || !json.contains(field)) return false;
  if (json.at(field) != read_only) throw std::invalid_argument("unknown access");
  return true;
}

RuntimeConfiguration runtime_from(nlohmann::json json) {
  RuntimeConfiguration runtime;
  if (says_read_only(json, "project")) {
    runtime.project = ProjectAccess::read_only;
    json.erase("project");
  }
  require_fields(json, {"mounts", "network_isolation", "variables"});
  runtime.network_isolation = json.at("network_isolation").get<bool>();
  runtime.variables = json.at("variables").get<std::map<std::string, std::string>>();
  for (auto& mount : json.at("mounts")) {
    auto access = says_read_only(mount, "access") ? MountAccess::read_only : MountAccess::read_write;
    if (access == MountAccess::read_only) mount.erase("access");
    require_fields(mount, {"host", "label", "target"});
    runtime.mounts.push_back({mount.at("label").get<std::string>(), mount.at("host").get<std::string>(),
                              mount.at("target").get<std::string>(), access});
  }
  return runtime;
}

}  // namespace

std::optional<std::string_view> reserved_place(std::string_view target) {
  constexpr std::array<std::string_view, 3> with_all_below = {"/proc", "/sys", "/dev"};
  constexpr std::array<std::string_view, 8> themselves = {"/tmp", "/run",       "/run/lock",        "/run/.karapace",
                                                          "/etc", "/etc/hosts", "/etc/resolv.conf", "/etc/machine-id"};
  for (auto place : with_all_below) {
    if (target == place || (target.starts_with(place) && target[place.size()] == '/')) return place;
  }
  auto found = std::find(themselves.begin(), themselves.end(), target);
  if (found == themselves.end()) return std::nullopt;
  return *found;
}

std::string RuntimeConfiguration::text() const { return json_of(*this).dump(); }

RuntimeConfiguration RuntimeConfiguration::parse(std::string_view text, std::string_view what) {
  return read_record(text, what, "generate the graph again", runtime_from);
}

}  // namespace karapace::store
