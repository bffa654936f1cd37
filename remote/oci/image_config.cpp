// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/image_config.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/words.hpp"
#include "remote/oci/json_document.hpp"

namespace karapace::oci {

namespace {

std::vector<std::string> names_of(const JsonObject& json, std::string_view name) {
  auto set = json.object(name);
  return set ? set->names() : std::vector<std::string>{};
}

void parse_run(const JsonObject& json, ImageConfig& config) {
  config.user = json.text("User").value_or("");
  config.variables = json.texts("Env");
  config.entry_point = json.texts("Entrypoint");
  config.command = json.texts("Cmd");
  config.working_directory = json.text("WorkingDir").value_or("");
  config.labels = json.dictionary("Labels");
  config.exposed_ports = names_of(json, "ExposedPorts");
  config.volumes = names_of(json, "Volumes");
  config.stop_signal = json.text("StopSignal").value_or("");
}

std::vector<ContentDigest> parse_diff_ids(const JsonObject& rootfs) {
  if (rootfs.required_text("type") != "layers") rootfs.refuse("is not of type \"layers\"");
  std::vector<ContentDigest> diff_ids;
  for (const auto& text : rootfs.texts("diff_ids")) {
    auto digest = ContentDigest::parse(text);
    if (!digest) rootfs.refuse("has a diff_id that is neither a sha256 nor a sha512 digest");
    diff_ids.push_back(*digest);
  }
  return diff_ids;
}

std::vector<HistoryEntry> parse_history(const JsonObject& json) {
  std::vector<HistoryEntry> history;
  for (const auto& entry : json.objects("history")) {
    history.push_back({.created = entry.text("created").value_or(""),
                       .created_by = entry.text("created_by").value_or(""),
                       .comment = entry.text("comment").value_or(""),
                       .empty_layer = entry.boolean("empty_layer").value_or(false)});
  }
  return history;
}

/// Adds what is not empty.
template <class Value>
void put(JsonOutput& json, const char* name, const Value& value) {
  if (!value.empty()) json[name] = value;
}

/// A set, as Go writes one: an object whose fields are empty objects.
void put_set(JsonOutput& json, const char* name, const std::vector<std::string>& values) {
  for (const auto& value : values) json[name][value] = JsonOutput::object();
}

JsonOutput run_output(const ImageConfig& config) {
  auto json = JsonOutput::object();
  put(json, "User", config.user);
  put_set(json, "ExposedPorts", config.exposed_ports);
  put(json, "Env", config.variables);
  put(json, "Entrypoint", config.entry_point);
  put(json, "Cmd", config.command);
  put_set(json, "Volumes", config.volumes);
  put(json, "WorkingDir", config.working_directory);
  put(json, "Labels", config.labels);
  put(json, "StopSignal", config.stop_signal);
  return json;
}

JsonOutput history_output(const std::vector<HistoryEntry>& history) {
  auto array = JsonOutput::array();
  for (const auto& entry : history) {
    auto json = JsonOutput::object();
    put(json, "created", entry.created);
    put(json, "created_by", entry.created_by);
    put(json, "comment", entry.comment);
    if (entry.empty_layer) json["empty_layer"] = true;
    array.push_back(std::move(json));
  }
  return array;
}

}  // namespace

ImageConfig parse_config(std::string_view bytes, std::string_view what) {
  if (bytes.size() > longest_config) {
    throw RemoteError(fmt::format("{} has more than {}", what, size_text(longest_config)));
  }
  JsonDocument document(bytes, std::string(what));
  auto json = document.root();
  ImageConfig config{.platform = {.os = json.required_text("os"),
                                  .architecture = json.required_text("architecture"),
                                  .variant = json.text("variant").value_or(""),
                                  .os_version = json.text("os.version").value_or(""),
                                  .os_features = json.texts("os.features")},
                     .created = json.text("created").value_or(""),
                     .author = json.text("author").value_or("")};
  if (auto run = json.object("config")) parse_run(*run, config);
  config.diff_ids = parse_diff_ids(json.required_object("rootfs"));
  config.history = parse_history(json);
  return config;
}

std::string write(const ImageConfig& config) {
  auto json = JsonOutput::object();
  put(json, "created", config.created);
  put(json, "author", config.author);
  json["architecture"] = config.platform.architecture;
  json["os"] = config.platform.os;
  put(json, "variant", config.platform.variant);
  put(json, "os.version", config.platform.os_version);
  put(json, "os.features", config.platform.os_features);
  json["config"] = run_output(config);
  auto diff_ids = JsonOutput::array();
  for (const auto& digest : config.diff_ids) diff_ids.push_back(digest.text());
  json["rootfs"] = JsonOutput{{"type", "layers"}, {"diff_ids", diff_ids}};
  if (!config.history.empty()) json["history"] = history_output(config.history);
  return compact(json);
}

}  // namespace karapace::oci
