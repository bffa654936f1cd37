// SPDX-License-Identifier: Apache-2.0
#include "store/kept_record.hpp"

#include <stdexcept>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "base/json/seal.hpp"

namespace karapace::store {

namespace {

std::filesystem::path copy_of(const std::filesystem::path& path) { return path.native() + ".copy"; }

}  // namespace

void write_kept_record(const std::filesystem::path& path, std::string_view json) {
  const auto text = sealed(json);
  for (const auto& file : {path, copy_of(path)}) write_file_atomically(file, text, Durable::yes, 0444);
}

bool restore_kept_record(const std::filesystem::path& path) {
  const auto text = read_file_if_exists(copy_of(path));
  if (!text) return false;
  try {
    unsealed(*text);
  } catch (const std::invalid_argument&) {
    return false;
  }
  write_file_atomically(path, *text, Durable::yes, 0444);
  return true;
}

}  // namespace karapace::store
