// SPDX-License-Identifier: Apache-2.0
#include "release/kept_records.hpp"

#include <algorithm>
#include <exception>
#include <vector>

#include <fmt/format.h>

#include "base/durable_file.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "release/unfinished.hpp"

namespace karapace::release {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view lost_wishes = "links that were chosen are no longer known: choose them again";
constexpr std::string_view lost_ids = "build ids of versions that were pruned may be used again";

fs::path copy_of(const fs::path& path) { return path.native() + ".copy"; }

/// Those that can be read, the copy last. None when nothing is there.
template <class Record>
std::vector<Record> readable(const KeptTexts& texts, const fs::path& path, const auto& fields,
                             std::string_view what_is_lost) {
  std::vector<Record> records;
  std::exception_ptr damage;
  for (const auto* text : {&texts.text, &texts.copy}) {
    if (!*text) continue;
    try {
      records.push_back(parse_json(fields, **text, path.filename().native()));
    } catch (const std::exception&) {
      damage = std::current_exception();
    }
  }
  if (damage && records.empty())
    read_or_damaged(fmt::format("\"{}\"", escaped_utf8(path.native())),
                    fmt::format("its copy beside it is, too; with both removed {}", what_is_lost),
                    [&] { std::rethrow_exception(damage); });
  return records;
}

}  // namespace

KeptTexts kept_texts(const fs::path& path) {
  return {.text = read_file_if_exists(path), .copy = read_file_if_exists(copy_of(path))};
}

void keep_record(const fs::path& path, std::string_view text) {
  replace_file(copy_of(path), text);
  replace_file(path, text);
  sync_directory(path.parent_path());
}

LinkWishes wishes_of(const KeptTexts& texts, const fs::path& path) {
  const auto records = readable<LinkWishes>(texts, path, wishes_fields, lost_wishes);
  return records.empty() ? LinkWishes{} : records.front();
}

UsedIds used_ids_of(const KeptTexts& texts, const fs::path& path) {
  UsedIds all;
  for (const auto& record : readable<UsedIds>(texts, path, used_fields, lost_ids)) {
    for (const auto& [version, id] : record.highest) {
      auto& highest = all.highest[version];
      highest = std::max(highest, id);
    }
  }
  return all;
}

}  // namespace karapace::release
