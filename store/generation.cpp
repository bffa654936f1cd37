// SPDX-License-Identifier: Apache-2.0
#include "store/generation.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/json/record.hpp"
#include "base/json/seal.hpp"
#include "store/instance_index.hpp"
#include "store/kept_record.hpp"

namespace karapace::store {

namespace {

constexpr const char* record_name = generation_record;
constexpr auto generation_fields = fields_of<Generation>(member("environment", &Generation::environment),
                                                         FormatMember{1}, member("number", &Generation::number));

constexpr const char* scaffold_name = "scaffold.json";
constexpr auto kind_words = words_of<ScaffoldKind>(
    "is no kind of scaffold",
    {{ScaffoldKind::directory, "directory"}, {ScaffoldKind::file, "file"}, {ScaffoldKind::filled, "filled"}});
constexpr auto item_fields =
    line_of<ScaffoldItem>(member("content", &ScaffoldItem::content), member("kind", &ScaffoldItem::kind, kind_words),
                          member("path", &ScaffoldItem::path, escaped_bytes));
struct ScaffoldRecord {
  Scaffold items;
};
constexpr auto scaffold_fields =
    fields_of<ScaffoldRecord>(FormatMember{1}, member("items", &ScaffoldRecord::items, list_of(item_fields)));

std::string in_quotes(const std::filesystem::path& path) { return fmt::format("\"{}\"", escaped_utf8(path.native())); }

void move(const std::filesystem::path& from, const std::filesystem::path& to, unsigned flags) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0) return;
  throw StoreError(errno_message(fmt::format("cannot move {} to {}", in_quotes(from), in_quotes(to)), errno));
}

/// Away from its name, if it is there; it is removed with the staging directory.
std::optional<Staging> put_away(const Store& store, const std::filesystem::path& directory) {
  if (::access(directory.c_str(), F_OK) != 0 && errno == ENOENT) return std::nullopt;
  auto staging = store.stage();
  move(directory, staging.path() / "generation", RENAME_NOREPLACE);
  return staging;
}

/// next/ holds what was current until now.
void keep_replaced(const Store& store, const std::filesystem::path& instance) {
  auto replaced = put_away(store, instance / "previous");
  move(instance / "next", instance / "previous", RENAME_NOREPLACE);
  sync_directory(instance);
  if (replaced) std::move(*replaced).remove_in_background();
}

}  // namespace

std::string generation_text(const Generation& generation) {
  return json_text(generation_fields, generation, JsonWriter::Space::none);
}

Generation generation_from(std::string_view text) { return parse_json(generation_fields, text, record_name); }

std::optional<Generation> read_generation(const std::filesystem::path& directory) {
  const auto instance = open_if_exists(AT_FDCWD, directory.parent_path(), O_PATH | O_DIRECTORY);
  return instance ? read_generation(instance->get(), directory) : std::nullopt;
}

std::optional<Generation> read_generation(int instance, const std::filesystem::path& directory) {
  for (;;) {
    // By the directory itself: its name may come to stand for another generation meanwhile, and this one be removed.
    const auto opened = open_if_exists(instance, directory.filename(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!opened) return std::nullopt;
    const auto what = fmt::format("the record of {}", in_quotes(directory));
    const auto record = open_if_exists(opened->get(), record_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!record && !still_named(opened->get(), directory)) continue;
    const auto text = record ? read_all(record->get(), what) : std::string();
    auto generation = read_or_damaged(what, "run `karapace verify-store --repair`", [&] {
      return parse_json(generation_fields, unsealed_in_place(text), record_name);
    });
    generation.directory = directory;
    return generation;
  }
}

void make_generation(const std::filesystem::path& directory, std::uint64_t number, const EnvironmentId& environment,
                     Durable durable) {
  make_directory(directory);
  make_directory(directory / "upper");
  make_directory(directory / "work");
  write_kept_record(directory / record_name, json_text(generation_fields, {number, environment, {}}), durable);
}

void set_environment(const Generation& generation, const EnvironmentId& environment) {
  write_generation({generation.number, environment, generation.directory});
}

Scaffold read_scaffold(const Generation& generation) {
  const auto text = read_file_if_exists(generation.directory / scaffold_name);
  if (!text) return {};
  try {
    return parse_json(scaffold_fields, unsealed_in_place(*text), scaffold_name).items;
  } catch (const std::exception&) {
    return {};  // then it counts as a person's
  }
}

void add_scaffold(const Generation& generation, const Scaffold& scaffold) {
  auto all = read_scaffold(generation);
  const auto known = all.size();
  for (const auto& item : scaffold) {
    const auto same_path = [&](const ScaffoldItem& other) { return other.path == item.path; };
    if (std::none_of(all.begin(), all.end(), same_path)) all.push_back(item);
  }
  if (all.size() == known) return;
  std::sort(all.begin(), all.end());
  write_file_atomically(generation.directory / scaffold_name, sealed(json_text(scaffold_fields, {all})), Durable::no);
}

std::uint64_t next_number(const std::filesystem::path& instance) {
  std::uint64_t highest = 0;
  for (const auto* name : {"current", "previous", "next"})
    if (const auto generation = read_generation(instance / name)) highest = std::max(highest, generation->number);
  return highest + 1;
}

void replace_generation(const Store& store, const std::filesystem::path& instance, const std::filesystem::path& made) {
  settle_generations(store, instance);
  const auto fd = open_at(AT_FDCWD, made, O_RDONLY | O_DIRECTORY);
  if (::syncfs(fd.get()) != 0) throw StoreError(errno_message("cannot force the store to the disk", errno));
  move(made, instance / "next", RENAME_NOREPLACE);
  move(instance / "next", instance / "current", RENAME_EXCHANGE);
  sync_directory(instance);
  keep_replaced(store, instance);
}

bool exchange_generations(const std::filesystem::path& instance) {
  if (!read_generation(instance / "previous")) return false;
  move(instance / "previous", instance / "current", RENAME_EXCHANGE);
  sync_directory(instance);
  return true;
}

void settle_generations(const Store& store, const std::filesystem::path& instance) {
  const auto next = read_generation(instance / "next");
  if (!next) return;
  const auto current = read_generation(instance / "current");
  if (current && next->number < current->number) return keep_replaced(store, instance);
  put_away(store, instance / "next");
}

void write_generation(const Generation& generation) {
  write_kept_record(generation.directory / record_name, json_text(generation_fields, generation));
}

}  // namespace karapace::store
