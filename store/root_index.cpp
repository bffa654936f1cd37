// SPDX-License-Identifier: Apache-2.0
// Why a change can not be overlooked. Who makes the index makes a directory in staging/ first; its time of change, T,
// comes from the clock from which roots/ gets its own, C, and as coarsely (both are of one file system, or nothing is
// written). Then it reads C, then the records. It writes the index only if C < T. A change after T was given gives
// roots/ a time of T or later, so not C. So whoever finds C later knows that nothing has changed since before the
// records were read: also not by a release that knows no index, by hand, in the same tick of the clock, or while the
// index was made. Two that are made at once both hold, or name a C that nobody finds. After a crash, too: the file
// system keeps the order of what happened to names, and a torn index is known by its digest. Only a clock that is set
// back to the very nanosecond of C could deceive it.
#include "store/root_index.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "store/cached_text.hpp"
#include "store/directory.hpp"
#include "store/error.hpp"
#include "store/escape.hpp"

namespace karapace::store {

namespace {

constexpr std::string_view index_name = "roots.index";

std::optional<struct stat> status_of(const std::filesystem::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

/// The first line of the text: the directory as it was.
std::string stamp_of(const struct stat& roots) {
  return fmt::format("{} {}.{:09}\n", roots.st_ino, roots.st_ctim.tv_sec, roots.st_ctim.tv_nsec);
}

bool was_quiet(const struct stat& roots, const struct stat& later) {
  return roots.st_dev == later.st_dev &&
         std::tie(roots.st_ctim.tv_sec, roots.st_ctim.tv_nsec) < std::tie(later.st_ctim.tv_sec, later.st_ctim.tv_nsec);
}

std::string path_text(const std::filesystem::path& path) {
  auto text = escaped_utf8(path.lexically_normal().native());
  if (text.ends_with('/')) text.pop_back();
  return text;
}

/// Tabs and newlines do not stand in escaped text.
std::string line_of(const std::string& record, const Root& root) {
  auto line =
      fmt::format("{}\t{}\t{}\t{}", record, root.environment.hex(), escaped_utf8(root.name), path_text(root.manifest));
  for (const auto& graph : root.graphs) line += '\t' + path_text(graph.directory);
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

IndexedRoot root_from(std::string_view line) {
  auto fields = split(line, '\t');
  IndexedRoot root{std::string(fields.at(0)), EnvironmentId::from_hex(fields.at(1)).value(),
                   unescaped_utf8(fields.at(2)).value(), unescaped_utf8(fields.at(3)).value()};
  for (std::size_t i = 4; i < fields.size(); ++i) root.directories.emplace_back(unescaped_utf8(fields[i]).value());
  return root;
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

struct Lines {
  std::string text;
  bool are_all = true;
};

Lines read_lines(const Store& store, DamagedRoots damaged) {
  Lines lines;
  std::vector<std::pair<std::string, Root>> roots;
  for (const auto& name : names_in(store.roots_path())) try {
      if (auto root = read_root(store, name, RootSteps::left_out)) roots.emplace_back(name, std::move(*root));
    } catch (const StoreError&) {
      if (damaged == DamagedRoots::refuse) throw;
      lines.are_all = false;
    }
  std::sort(roots.begin(), roots.end(), [](const auto& a, const auto& b) {
    return std::tie(a.second.name, a.second.manifest) < std::tie(b.second.name, b.second.manifest);
  });
  for (const auto& [name, root] : roots) lines.text += line_of(name, root);
  return lines;
}

}  // namespace

RootIndex RootIndex::read(const Store& store, DamagedRoots damaged) {
  if (auto roots = status_of(store.roots_path())) {
    auto stamp = stamp_of(*roots);
    auto kept = cached_text(store, index_name);
    if (kept && kept->starts_with(stamp)) return {*std::move(kept), stamp.size()};
  }
  const auto staging = staging_if_writable(store);
  const auto later = staging ? status_of(staging->path()) : std::nullopt;
  const auto roots = status_of(store.roots_path());  // after the other, before the records
  auto lines = read_lines(store, damaged);
  if (lines.are_all && later && roots && was_quiet(*roots, *later))
    keep_text(store, *staging, index_name, stamp_of(*roots) + lines.text);
  return {std::move(lines.text), 0};
}

std::vector<IndexedRoot> RootIndex::all() const { return holding({""}); }

std::vector<IndexedRoot> RootIndex::named(std::string_view name) const {
  auto found = holding({fmt::format("\t{}\t", escaped_utf8(name))});
  std::erase_if(found, [&](const IndexedRoot& root) { return root.name != name; });
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
  for (auto start : starts) found.push_back(root_from(lines.substr(start, lines.find('\n', start) - start)));
  return found;
}

}  // namespace karapace::store
