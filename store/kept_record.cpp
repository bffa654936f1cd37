// SPDX-License-Identifier: Apache-2.0
#include "store/kept_record.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/json/seal.hpp"

namespace karapace::store {

namespace {

std::filesystem::path copy_of(const std::filesystem::path& path) { return path.native() + ".copy"; }

void write_twice(const std::filesystem::path& path, std::string_view text, Durable durable = Durable::yes) {
  for (const auto& file : {path, copy_of(path)}) write_file_atomically(file, text, durable, 0444);
}

bool is_sealed(std::string_view text) {
  try {
    unsealed(text);
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

std::string text_of(const std::filesystem::path& path) { return read_file_if_exists(path).value_or(std::string()); }

/// Nothing when it is damaged or missing.
std::optional<std::string> whole_text(const std::filesystem::path& path) {
  auto text = text_of(path);
  if (!is_sealed(text)) return std::nullopt;
  return text;
}

/// Where the two differ: from here, so many bytes.
struct Difference {
  std::size_t begin = 0;
  std::size_t size = 0;
};

std::vector<Difference> differences_of(std::string_view one, std::string_view other) {
  constexpr std::size_t near = 8;
  std::vector<Difference> all;
  for (std::size_t i = 0; i < one.size(); ++i) {
    if (one[i] == other[i]) continue;
    if (all.empty() || i > all.back().begin + all.back().size + near)
      all.push_back({i, 1});
    else
      all.back().size = i + 1 - all.back().begin;
  }
  return all;
}

/// Two copies that are damaged in different places tell the whole: which of them is right in each place the seal says.
std::optional<std::string> merged(const std::string& one, const std::string& other) {
  constexpr std::size_t most = 12;
  if (one.size() != other.size()) return std::nullopt;
  const auto places = differences_of(one, other);
  if (places.size() > most) return std::nullopt;
  for (unsigned choice = 0; choice < 1u << places.size(); ++choice) {
    auto text = one;
    for (std::size_t i = 0; i < places.size(); ++i)
      if ((choice >> i & 1) != 0) text.replace(places[i].begin, places[i].size, other, places[i].begin, places[i].size);
    if (is_sealed(text)) return text;
  }
  return std::nullopt;
}

}  // namespace

std::string remains_of_record(const std::filesystem::path& path) {
  return text_of(path) + "\n" + text_of(copy_of(path));
}

void write_kept_record(const std::filesystem::path& path, std::string_view json, Durable durable) {
  write_twice(path, sealed(json), durable);
}

bool restore_kept_record(const std::filesystem::path& path) {
  const auto record = whole_text(path);
  const auto copy = whole_text(copy_of(path));
  if (!record && !copy) {
    const auto text = merged(text_of(path), text_of(copy_of(path)));
    if (text) write_twice(path, *text);
    return text.has_value();
  }
  if (!record) write_file_atomically(path, *copy, Durable::yes, 0444);
  // The first is written first: what differs is an older copy.
  if (record && copy != record) write_file_atomically(copy_of(path), *record, Durable::yes, 0444);
  return true;
}

}  // namespace karapace::store
