// SPDX-License-Identifier: Apache-2.0
#include "store/salvage.hpp"

#include <algorithm>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json/seal.hpp"

namespace karapace::store {

namespace {

constexpr std::size_t digits = 2 * Digest::size;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/// What can not be read tells nothing.
std::string text_of(const std::filesystem::path& path) {
  try {
    return read_file_if_exists(path).value_or("");
  } catch (const StoreError&) {
    return {};
  }
}

/// All records are sealed.
bool is_whole(const std::string& text) {
  try {
    unsealed(text);
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

}  // namespace

std::set<Digest> digests_in(std::string_view text) {
  std::set<Digest> found;
  while (!text.empty()) {
    const auto begin = std::find_if(text.begin(), text.end(), is_hex);
    const auto end = std::find_if_not(begin, text.end(), is_hex);
    const std::string_view word(begin, end);
    if (word.size() == digits) found.insert(*Digest::from_hex(word));
    text = std::string_view(end, text.end());
  }
  return found;
}

std::optional<QuarantinedRecord> quarantined_record(std::string_view name) {
  const auto dash = name.find('-');
  const auto dot = name.rfind('.');
  if (dash == name.npos || dot == name.npos || dot < dash) return std::nullopt;
  const auto directory = name.substr(0, dash);
  const bool is_record = directory == "steps" || directory == "environments" || directory == "roots";
  const auto digest = Digest::from_hex(name.substr(dash + 1, dot - dash - 1));
  if (!is_record || !digest) return std::nullopt;
  return QuarantinedRecord{std::string(directory), *digest};
}

Salvage read_salvage(const Store& store) {
  Salvage salvage;
  for (const auto& name : names_in(store.root() / "quarantine")) {
    const auto record = quarantined_record(name);
    if (!record) continue;
    auto& kind = record->directory == "steps"   ? salvage.steps
                 : record->directory == "roots" ? salvage.roots
                                                : salvage.environments;
    const auto text = text_of(store.root() / "quarantine" / name);
    auto& salvaged = kind[record->name];
    salvaged.digests.merge(digests_in(text));
    salvaged.whole = salvaged.whole || is_whole(text);
  }
  return salvage;
}

}  // namespace karapace::store
