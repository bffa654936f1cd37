// SPDX-License-Identifier: Apache-2.0
#include "store/runtime_configuration.hpp"

#include <algorithm>
#include <array>

#include "base/json/record.hpp"

namespace karapace::store {

namespace {

constexpr std::string_view complaint = "must be \"read-only\" or absent";
constexpr auto mount_access = words_of<MountAccess>(complaint, {{MountAccess::read_only, "read-only"}});
constexpr auto project_access = words_of<ProjectAccess>(complaint, {{ProjectAccess::read_only, "read-only"}});

constexpr auto mount_fields =
    fields_of<Mount>(optional_member("access", &Mount::access, mount_access), member("host", &Mount::host),
                     member("label", &Mount::label), member("target", &Mount::target));

constexpr auto image_fields = fields_of<ImageSettings>(
    optional_member("command", &ImageSettings::command), optional_member("entrypoint", &ImageSettings::entrypoint),
    optional_member("labels", &ImageSettings::labels), optional_member("user", &ImageSettings::user),
    optional_member("working_directory", &ImageSettings::working_directory));

constexpr auto runtime_fields =
    fields_of<RuntimeConfiguration>(optional_member("image", &RuntimeConfiguration::image, image_fields),
                                    member("mounts", &RuntimeConfiguration::mounts, list_of(mount_fields)),
                                    member("network_isolation", &RuntimeConfiguration::network_isolation),
                                    optional_member("project", &RuntimeConfiguration::project, project_access),
                                    member("variables", &RuntimeConfiguration::variables));

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

std::string RuntimeConfiguration::text() const { return json_text(runtime_fields, *this, JsonWriter::Space::none); }

RuntimeConfiguration RuntimeConfiguration::parse(std::string_view text, std::string_view what) {
  return read_or_damaged(what, "generate the graph again", [&] { return parse_json(runtime_fields, text, "runtime"); });
}

template <class Writer>
void RuntimeConfiguration::write(Writer& json) const {
  runtime_fields.write(json, *this);
}
template void RuntimeConfiguration::write(JsonWriter&) const;

template <class Reader>
void RuntimeConfiguration::read(Reader& json) {
  runtime_fields.read(json, *this);
}
template void RuntimeConfiguration::read(JsonReader&);

}  // namespace karapace::store
