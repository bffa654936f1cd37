// SPDX-License-Identifier: Apache-2.0
// The canonical text of a lock: one thing per line, in a fixed order of fields, so that two locks diff well.
#include <iterator>
#include <string>

#include <fmt/format.h>

#include "base/json/text.hpp"
#include "generator/lock/lock.hpp"
#include "generator/manifest/rules.hpp"
#include "store/identifiers.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::lock {

namespace {

constexpr std::string_view next_line = ",\n  ";

void append_name(std::string& text, std::string_view name) {
  text += '"';
  text += name;
  text += "\": ";
}

void append_field(std::string& text, std::string_view name, std::string_view value) {
  append_name(text, name);
  append_json(text, value);
  text += ", ";
}

void append_last(std::string& text, std::string_view name, std::string_view value) {
  append_name(text, name);
  append_json(text, value);
  text += '}';
}

void append_number(std::string& text, std::string_view name, std::uint64_t value) {
  append_name(text, name);
  fmt::format_to(std::back_inserter(text), "{}, ", value);
}

void append_strings(std::string& text, std::string_view name, const std::vector<std::string>& values) {
  append_name(text, name);
  append_json(text, values, ", ");
  text += ", ";
}

/// `"name": [` and one element per line.
template <class Range, class Append>
void append_lines(std::string& text, std::string_view name, const Range& range, Append append) {
  append_name(text, name);
  text += '[';
  bool first = true;
  for (const auto& element : range) {
    text += first ? "\n  " : next_line;
    first = false;
    append(element);
  }
  text += first ? "]" : "\n ]";
}

void append_package(std::string& text, const LockedPackage& package) {
  text += '{';
  append_field(text, "name", package.name);
  append_field(text, "version", package.version);
  append_field(text, "architecture", package.architecture);
  append_number(text, "size", package.size);
  append_field(text, "sha256", package.sha256.hex());
  append_field(text, "archive", package.archive);
  append_last(text, "path", package.path);
}

void append_repository(std::string& text, const LockedRepository& repository) {
  text += '{';
  append_field(text, "archive", repository.archive);
  append_field(text, "suite", repository.suite);
  append_strings(text, "components", repository.components);
  append_field(text, "date", repository.date);
  append_strings(text, "signers", repository.signers);
  append_name(text, "indexes");
  text += '[';
  for (std::size_t i = 0; i < repository.indexes.size(); ++i) {
    text += i == 0 ? "\n   {" : ",\n   {";
    append_field(text, "path", repository.indexes[i].path);
    append_last(text, "sha256", repository.indexes[i].sha256.hex());
  }
  text += repository.indexes.empty() ? "]}" : "\n  ]}";
}

void append_request_packages(std::string& text, const std::vector<std::string>& packages) {
  text += '[';
  for (std::size_t i = 0; i < packages.size(); ++i) {
    text += i == 0 ? "\n   " : ",\n   ";
    append_json(text, packages[i]);
  }
  text += packages.empty() ? "]" : "\n  ]";
}

void append_request(std::string& text, const LockedRequest& request) {
  append_name(text, "request");
  text += "{\n  ";
  append_name(text, "base_image");
  append_json(text, request.base_image);
  text += next_line;
  append_name(text, "packages");
  append_request_packages(text, request.packages);
  text += next_line;
  append_name(text, "recommends");
  text += request.recommends ? "true" : "false";
  text += next_line;
  append_name(text, "repositories");
  text += '[';
  bool first = true;
  for (const auto& repository : request.repositories) {
    text += first ? "\n   {" : ",\n   {";
    first = false;
    append_field(text, "name", repository.name);
    append_field(text, "key", repository.key);
    append_field(text, "key_content", repository.key_content.hex());
    append_field(text, "suite", repository.suite);
    append_name(text, "components");
    append_json(text, repository.components, ", ");
    text += '}';
  }
  text += first ? "]\n }" : "\n  ]\n }";
}

void append_file(std::string& text, const LockedFile& file) {
  text += '{';
  append_field(text, "source", file.source);
  append_field(text, "target", file.target);
  append_field(text, "mode", manifest::mode_text(file.mode));
  append_number(text, "size", file.size);
  append_last(text, "content", file.content.hex());
}

void append_runtime(std::string& text, const store::RuntimeConfiguration& runtime) {
  append_name(text, "runtime");
  text += "{\n  ";
  append_name(text, "variables");
  text += '{';
  bool first = true;
  for (const auto& [name, value] : runtime.variables) {
    text += first ? "\n   " : ",\n   ";
    first = false;
    append_name(text, name);
    append_json(text, value);
  }
  text += first ? "}" : "\n  }";
  text += next_line;
  append_name(text, "mounts");
  text += '[';
  for (std::size_t i = 0; i < runtime.mounts.size(); ++i) {
    text += i == 0 ? "\n   {" : ",\n   {";
    append_field(text, "label", runtime.mounts[i].label);
    append_field(text, "host", runtime.mounts[i].host);
    bool read_only = runtime.mounts[i].access == store::MountAccess::read_only;
    if (read_only) append_field(text, "target", runtime.mounts[i].target);
    append_last(text, read_only ? "access" : "target", read_only ? "read-only" : runtime.mounts[i].target);
  }
  text += runtime.mounts.empty() ? "]" : "\n  ]";
  text += next_line;
  append_name(text, "network_isolation");
  text += runtime.network_isolation ? "true" : "false";
  if (runtime.project == store::ProjectAccess::read_only) {
    text += next_line;
    append_name(text, "project");
    append_json(text, "read-only");
  }
  text += "\n }";
}

void append_top(std::string& text, std::string_view name, std::string_view value) {
  append_name(text, name);
  append_json(text, value);
  text += ",\n ";
}

void append_origin(std::string& text, const Lock& lock) {
  append_top(text, "distribution", lock.distribution);
  append_top(text, "suite", lock.suite);
  append_top(text, "architecture", lock.architecture);
  if (!lock.archive) return;
  append_name(text, "base_archive");
  text += '{';
  append_number(text, "size", lock.archive->size);
  append_last(text, "sha256", lock.archive->sha256.hex());
  text += ",\n ";
}

}  // namespace

std::string serialise(const Lock& lock) {
  std::string text;
  text.reserve(2048 + 320 * (lock.base.size() + lock.packages.size()));
  auto next = [&] { text += ",\n "; };
  text += "{\n \"format\": 1,\n ";
  append_request(text, lock.request);
  next();
  append_origin(text, lock);
  append_lines(text, "repositories", lock.repositories, [&](const auto& value) { append_repository(text, value); });
  next();
  append_lines(text, "base", lock.base, [&](const auto& value) { append_package(text, value); });
  next();
  append_lines(text, "packages", lock.packages, [&](const auto& value) { append_package(text, value); });
  next();
  append_lines(text, "files", lock.files, [&](const auto& value) { append_file(text, value); });
  next();
  append_lines(text, "run", lock.run, [&](const auto& value) { append_json(text, value); });
  next();
  append_runtime(text, lock.runtime);
  text += "\n}\n";
  return text;
}

EnvironmentId environment_id(const Lock& lock) { return EnvironmentId(blake3(serialise(lock))); }

}  // namespace karapace::lock
