// SPDX-License-Identifier: Apache-2.0
// Why a change can not be overlooked. Who makes the index makes a directory in staging/ first; its time of change, T,
// comes from the clock from which roots/ and the records get theirs, and as coarsely (all are of one file system, or
// nothing is written). Then it reads the time C of roots/, then number, size and time of each record and the record. It
// writes the index only if all these times are before T. A change after T was given, of roots/ by rename(2) or of a
// record in place, gives the one or the other a time of T or later. So whoever finds all times as the index says knows
// that nothing has changed since before the records were read: also not by a release that knows no index, by hand
// (`cp` of a backup writes in place), in the same tick of the clock, or while the index was made. Two that are made at
// once both hold, or name times that nobody finds. After a crash, too: the file system keeps the order of what happened
// to names, and a torn index is known by its digest. Only a clock that is set back to the very nanosecond could deceive
// it.
//
// Of an index that no longer counts, the lines of records with the number, size and time that they had are taken over:
// by the same argument the file is the same. A line with the stamp of an earlier file keeps the index from counting.
#include "store/root_index.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "store/cached_text.hpp"

namespace karapace::store {

namespace {

constexpr std::string_view index_name = "roots.index";
constexpr std::string_view format = "fields 4 ";  // another when lines have others

std::optional<struct stat> status_of(const std::filesystem::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

std::string time_of(const struct stat& status) {
  return fmt::format("{}.{:09}", status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

/// The first line of the text: the directory as it was.
std::string stamp_of(const struct stat& roots) {
  return fmt::format("{}{} {}\n", format, roots.st_ino, time_of(roots));
}

std::string record_stamp_of(const struct stat& record) {
  return fmt::format("{} {} {}", record.st_ino, record.st_size, time_of(record));
}

/// Nine digits follow the point in both.
bool is_before(std::string_view a, std::string_view b) { return std::pair(a.size(), a) < std::pair(b.size(), b); }

std::string path_text(const std::filesystem::path& path) {
  auto text = escaped_utf8(path.lexically_normal().native());
  if (text.ends_with('/')) text.pop_back();
  return text;
}

struct Entry {
  std::string stamp;
  IndexedRoot root;
};

/// Tabs and newlines do not stand in escaped text.
std::string line_of(const Entry& entry) {
  const auto& root = entry.root;
  auto line = fmt::format("{}\t{}\t{}\t{}\t{}", root.record, entry.stamp, root.environment.hex(),
                          escaped_utf8(root.name), path_text(root.manifest));
  for (const auto& directory : root.directories) line += '\t' + path_text(directory);
  for (const auto& name : root.other_names) line += "\t=" + escaped_utf8(name);  // no path begins so
  return line + '\n';
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (auto end = text.find(separator); end != text.npos; end = text.find(separator)) {
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

Entry entry_from(std::string_view line) {
  auto fields = split(line, '\t');
  IndexedRoot root{std::string(fields.at(0)), EnvironmentId::from_hex(fields.at(2)).value(),
                   unescaped_utf8(fields.at(3)).value(), unescaped_utf8(fields.at(4)).value()};
  for (std::size_t i = 5; i < fields.size(); ++i) {
    if (fields[i].starts_with('='))
      root.other_names.push_back(unescaped_utf8(fields[i].substr(1)).value());
    else
      root.directories.emplace_back(unescaped_utf8(fields[i]).value());
  }
  return {std::string(fields[1]), std::move(root)};
}

IndexedRoot indexed(const std::string& record, const Root& root) {
  IndexedRoot indexed{record, root.environment, root.name, root.manifest};
  for (const auto& graph : root.graphs) {
    indexed.directories.push_back(graph.directory);
    for (const auto& source : graph.sources)
      if (source.parent_path() != graph.directory) indexed.directories.push_back(source);
  }
  std::sort(indexed.directories.begin(), indexed.directories.end());
  const auto twice = std::unique(indexed.directories.begin(), indexed.directories.end());
  indexed.directories.erase(twice, indexed.directories.end());
  const auto all = names(root);
  indexed.other_names.assign(all.begin() + 1, all.end());
  return indexed;
}

/// Equal directories, or one above the other: as `path_text` writes both, "" being the root.
bool lies_below(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

bool lies_below(const IndexedRoot& root, std::string_view directory) {
  return lies_below(path_text(root.manifest), directory) ||
         std::any_of(root.directories.begin(), root.directories.end(),
                     [&](const auto& graphs) { return lies_below(path_text(graphs), directory); });
}

/// An index that no longer counts still knows the records that have not changed.
class OldIndex {
 public:
  explicit OldIndex(const std::optional<std::string>& text) {
    if (!text || !text->starts_with(format)) return;
    auto lines = split(*text, '\n');
    for (std::size_t i = 1; i + 1 < lines.size(); ++i)
      lines_.emplace(lines[i].substr(0, lines[i].find('\t')), lines[i]);
  }

  /// Also of a record that is another by now.
  std::optional<Entry> entry(const std::string& record) const {
    auto line = lines_.find(record);
    return line == lines_.end() ? std::nullopt : std::optional(entry_from(line->second));
  }

 private:
  std::unordered_map<std::string_view, std::string_view> lines_;
};

/// A line begins with its record. Elsewhere the same digits are part of a path.
std::string_view line_of_record(std::string_view lines, const std::string& record) {
  const auto start = lines.starts_with(record + '\t') ? 0 : lines.find('\n' + record + '\t') + 1;
  return lines.substr(start, lines.find('\n', start) + 1 - start);
}

/// Whether the records, of which these are lines, are as they were.
bool are_unchanged(const Store& store, std::string_view lines) {
  const auto directory = open_if_exists(AT_FDCWD, store.roots_path(), O_RDONLY | O_DIRECTORY);
  while (directory && !lines.empty()) {
    const auto name = lines.substr(0, lines.find('\t'));
    if (name.size() == lines.size()) return false;  // this is no line of an index
    const auto rest = lines.substr(name.size() + 1);
    struct stat status{};
    if (::fstatat(directory->get(), std::string(name).c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
    if (rest.substr(0, rest.find('\t')) != record_stamp_of(status)) return false;
    lines.remove_prefix(std::min(lines.find('\n'), lines.size() - 1) + 1);
  }
  return directory.has_value();
}

/// The index that was kept, when the directory is as it says.
struct KeptIndex {
  std::string text;
  std::size_t start;  // of its lines
};

std::optional<KeptIndex> kept_index(const Store& store) {
  const auto before = status_of(store.roots_path());
  auto text = cached_text(store, index_name);
  const auto stamp = before ? stamp_of(*before) : "\n";
  if (!text || !text->starts_with(stamp)) return std::nullopt;
  return KeptIndex{*std::move(text), stamp.size()};
}

/// A record that was damaged in place stands here with what it said before: who wants that project reads the record and
/// tells the damage, and the others are found.
std::optional<Entry> read_entry(const Store& store, const std::string& record, const OldIndex& old) {
  const auto status = status_of(store.roots_path() / record);
  if (!status) return std::nullopt;
  auto known = old.entry(record);
  const auto stamp = record_stamp_of(*status);
  if (known && known->stamp == stamp) return known;
  try {
    auto root = read_root(store, record, RootSteps::left_out);
    return root ? std::optional(Entry{stamp, indexed(record, *root)}) : std::nullopt;
  } catch (const StoreError&) {
    if (!known) throw;
    return known;
  }
}

std::vector<Entry> read_entries(const Store& store, const OldIndex& old) {
  std::vector<Entry> entries;
  for (const auto& record : names_in(store.roots_path()))
    if (auto entry = read_entry(store, record, old)) entries.push_back(std::move(*entry));
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.root.name, a.root.manifest) < std::tie(b.root.name, b.root.manifest);
  });
  return entries;
}

bool was_quiet(const struct stat& roots, const std::vector<Entry>& entries, const struct stat& later) {
  const auto end = time_of(later);
  auto is_old = [&](const Entry& entry) {
    return is_before(std::string_view(entry.stamp).substr(entry.stamp.rfind(' ') + 1), end);
  };
  return roots.st_dev == later.st_dev && is_before(time_of(roots), end) &&
         std::all_of(entries.begin(), entries.end(), is_old);
}

}  // namespace

RootIndex RootIndex::read(const Store& store) {
  auto kept = kept_index(store);
  if (kept && are_unchanged(store, std::string_view(kept->text).substr(kept->start)))
    return {std::move(kept->text), kept->start};
  const bool is_deceptive = kept.has_value();
  const auto old = kept ? std::optional(std::move(kept->text)) : cached_text(store, index_name);
  const auto staging = staging_if_writable(store);
  const auto later = staging ? status_of(staging->path()) : std::nullopt;
  const auto roots = status_of(store.roots_path());  // after the other, before the records
  const auto entries = read_entries(store, OldIndex(old));
  std::string lines;
  for (const auto& entry : entries) lines += line_of(entry);
  if (later && roots && was_quiet(*roots, entries, *later))
    keep_text(store, *staging, index_name, stamp_of(*roots) + lines);
  else if (is_deceptive)
    ::unlink((store.root() / index_name).c_str());  // `glance` would believe it
  return {std::move(lines), 0};
}

RootIndex RootIndex::glance(const Store& store) {
  auto kept = kept_index(store);
  return kept ? RootIndex{std::move(kept->text), kept->start} : read(store);
}

std::optional<IndexedRoot> RootIndex::find(const Store& store, std::string_view name) {
  const auto index = glance(store);
  auto found = index.named(name);
  if (found.size() != 1) return std::nullopt;
  const auto lines = std::string_view(index.text_).substr(index.start_);
  if (!are_unchanged(store, line_of_record(lines, found.front().record))) return std::nullopt;
  return std::move(found.front());
}

std::vector<std::string> names(const IndexedRoot& root) {
  std::vector<std::string> all = {root.name};
  all.insert(all.end(), root.other_names.begin(), root.other_names.end());
  return all;
}

std::vector<IndexedRoot> RootIndex::all() const { return holding({""}); }

std::vector<IndexedRoot> RootIndex::named(std::string_view name) const {
  const auto text = escaped_utf8(name);
  auto found = holding({fmt::format("\t{}\t", text), fmt::format("\t={}\t", text), fmt::format("\t={}\n", text)});
  std::erase_if(found, [&](const IndexedRoot& root) {
    const auto called = names(root);
    return std::find(called.begin(), called.end(), name) == called.end();
  });
  return found;
}

std::vector<IndexedRoot> RootIndex::in(const std::vector<std::filesystem::path>& directories) const {
  std::vector<std::string> fields;
  for (const auto& directory : directories) fields.push_back('\t' + path_text(directory));
  auto found = holding(fields);
  std::erase_if(found, [&](const IndexedRoot& root) {
    return std::none_of(fields.begin(), fields.end(),
                        [&](const auto& field) { return lies_below(root, field.substr(1)); });
  });
  return found;
}

/// Those in whose line one of the texts stands; the others are passed over unread.
std::vector<IndexedRoot> RootIndex::holding(const std::vector<std::string>& texts) const {
  std::set<std::size_t> starts;
  auto lines = std::string_view(text_).substr(start_);
  for (const auto& text : texts) {
    for (auto at = lines.find(text); at < lines.size(); at = lines.find(text, lines.find('\n', at) + 1))
      starts.insert(at == 0 ? 0 : lines.rfind('\n', at - 1) + 1);
  }
  std::vector<IndexedRoot> found;
  for (auto start : starts) found.push_back(entry_from(lines.substr(start, lines.find('\n', start) - start)).root);
  return found;
}

}  // namespace karapace::store
