// SPDX-License-Identifier: Apache-2.0
#include "store/kept_record.hpp"

#include <optional>
#include <stdexcept>
#include <string>

#include "base/file.hpp"
#include "base/json/seal.hpp"

namespace karapace::store {

namespace {

std::filesystem::path copy_of(const std::filesystem::path& path) { return path.native() + ".copy"; }

/// Nothing when it is damaged or missing.
std::optional<std::string> whole_text(const std::filesystem::path& path) {
  auto text = read_file_if_exists(path);
  if (!text) return std::nullopt;
  try {
    unsealed(*text);
    return text;
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

}  // namespace

void write_kept_record(const std::filesystem::path& path, std::string_view json, Durable durable) {
  const auto text = sealed(json);
  for (const auto& file : {path, copy_of(path)}) write_file_atomically(file, text, durable, 0444);
}

bool restore_kept_record(const std::filesystem::path& path) {
  const auto record = whole_text(path);
  const auto copy = whole_text(copy_of(path));
  if (!record && !copy) return false;
  if (!record) write_file_atomically(path, *copy, Durable::yes, 0444);
  // The first is written first: what differs is an older copy.
  if (record && copy != record) write_file_atomically(copy_of(path), *record, Durable::yes, 0444);
  return true;
}

}  // namespace karapace::store
