// SPDX-License-Identifier: Apache-2.0
#include "exchange/cache_list.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <sys/file.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/file_lock.hpp"
#include "exchange/cache_fields.hpp"

namespace karapace::exchange {

namespace {

struct CacheFile {
  std::vector<Cache> caches;
};

constexpr auto file_fields =
    fields_of<CacheFile>(FormatMember{1}, member("caches", &CacheFile::caches, list_of(cache_fields)));

void judge(const Cache& cache, const std::filesystem::path& file) {
  const auto complaint = judge_cache_name(cache.name);
  if (!complaint.empty()) throw Error(fmt::format("{}: \"{}\" {}", file.native(), cache.name, complaint));
  if (cache.agree == 0 || cache.agree > std::max<std::size_t>(1, cache.keys.size()))
    throw Error(fmt::format("{}: {}: {} keys can not agree, as there are {}; see `karapace cache add --help`",
                            file.native(), cache.name, cache.agree, cache.keys.size()));
}

}  // namespace

std::filesystem::path cache_list_file(const std::filesystem::path& configuration) {
  return configuration.parent_path() / "caches.json";
}

std::vector<Cache> read_caches(const std::filesystem::path& file) {
  const auto text = read_file_if_exists(file);
  if (!text) return {};
  std::vector<Cache> caches;
  try {
    caches = parse_json(file_fields, *text, file.native()).caches;
  } catch (const Error& error) {
    throw Error(fmt::format("{}; mend the list of caches, or remove it and add them anew", error.what()));
  }
  for (const auto& cache : caches) judge(cache, file);
  return caches;
}

void change_caches(const std::filesystem::path& file, const std::function<void(std::vector<Cache>&)>& change) {
  std::filesystem::create_directories(file.parent_path());
  const auto lock = FileLock::acquire(file.native() + ".lock", LOCK_EX);
  auto caches = read_caches(file);
  change(caches);
  write_file_atomically(file, json_text(file_fields, CacheFile{std::move(caches)}), Durable::yes, 0600);
}

std::string judge_cache_name(std::string_view name) {
  const auto is_word = [](unsigned char c) { return std::isalnum(c) != 0; };
  const auto fits = [&](unsigned char c) { return is_word(c) || c == '_' || c == '.' || c == '-'; };
  const bool is_fine = !name.empty() && name.size() <= 64 && is_word(static_cast<unsigned char>(name.front())) &&
                       std::all_of(name.begin(), name.end(), fits);
  return is_fine
             ? ""
             : "is no name for a cache: letters, digits, \"_\", \".\" and \"-\" are, up to 64, a letter or digit first";
}

}  // namespace karapace::exchange
