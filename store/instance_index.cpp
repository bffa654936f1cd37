// SPDX-License-Identifier: Apache-2.0
#include "store/instance_index.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <string>
#include <unordered_map>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "store/cached_text.hpp"

namespace karapace::store {

namespace {

constexpr std::string_view index_name = "instances.index";
constexpr std::string_view heading = "fields 1\n";  // another when lines have others
constexpr const char* sessions_name = "session";
constexpr std::size_t most_sessions = 1 << 20;  // bytes
constexpr std::size_t too_few_for_an_index = 32;
constexpr std::string_view missing = "- ";
constexpr std::array<const char*, 3> generations = {"current", "previous", "next"};

bool is_before(const timespec& a, const timespec& b) noexcept {
  return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

/// What the files of an instance are known by.
struct Stamp {
  std::string text;
  timespec latest{};

  void add(int all, const std::string& path) {
    struct stat status{};
    if (::fstatat(all, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      text += missing;
      return;
    }
    fmt::format_to(std::back_inserter(text), "{} {} {}.{} ", status.st_ino, status.st_size, status.st_ctim.tv_sec,
                   status.st_ctim.tv_nsec);
    if (is_before(latest, status.st_ctim)) latest = status.st_ctim;
  }
};

/// In no field is a tab or a newline: they are escaped.
struct Line {
  std::string_view stamp;
  std::string_view sessions;
  std::array<std::string_view, 1 + generations.size()> texts;  // a generation that is not there has none
};

/// A generation that the line says is not there is not looked for: it would have changed the directory.
Stamp stamp_of(int all, const std::string& id, const Line* known = nullptr) {
  Stamp stamp;
  stamp.add(all, id);
  stamp.add(all, id + '/' + instance_record);
  stamp.add(all, id + '/' + sessions_name);
  for (std::size_t i = 0; i < generations.size(); ++i) {
    if (known != nullptr && known->texts[1 + i].empty())
      stamp.text += missing;
    else
      stamp.add(all, id + '/' + generations[i] + '/' + generation_record);
  }
  return stamp;
}

/// A directory that a person called like that would not.
bool fits(std::string_view id) { return id.find_first_of("\t\n") == id.npos; }

std::string_view take_field(std::string_view& line) {
  const auto field = line.substr(0, line.find('\t'));
  line.remove_prefix(std::min(field.size() + 1, line.size()));
  return field;
}

std::string text_or_none(const std::optional<Generation>& generation) {
  return generation ? generation_text(*generation) : std::string();
}

std::string line_of(const IndexedInstance& indexed, const Stamp& stamp) {
  const auto& [instance, sessions] = indexed;
  return fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\n", instance.id, stamp.text, escaped_utf8(sessions),
                     instance_text(instance), generation_text(instance.current), text_or_none(instance.previous),
                     text_or_none(instance.next));
}

std::optional<Generation> generation_of(std::string_view text, const std::filesystem::path& directory) {
  if (text.empty()) return std::nullopt;
  auto generation = generation_from(text);
  generation.directory = directory;
  return generation;
}

IndexedInstance indexed_of(const Line& line, const std::filesystem::path& directory) {
  auto instance = instance_from(line.texts[0]);
  instance.id = directory.filename();
  instance.directory = directory;
  instance.current = generation_of(line.texts[1], directory / generations[0]).value();
  instance.previous = generation_of(line.texts[2], directory / generations[1]);
  instance.next = generation_of(line.texts[3], directory / generations[2]);
  return {std::move(instance), unescaped_utf8(line.sessions).value()};
}

/// Nothing when it is gone.
std::optional<IndexedInstance> read_indexed(int all, const std::filesystem::path& directory) {
  auto instance = read_instance(all, directory);
  if (!instance) return std::nullopt;
  const auto path = directory.filename() / sessions_name;
  const auto list = open_if_exists(all, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  auto sessions = list ? read_all(list->get(), "the list of sessions", most_sessions) : std::string();
  return IndexedInstance{*std::move(instance), std::move(sessions)};
}

/// The index that was kept, by the ids.
class KeptIndex {
 public:
  explicit KeptIndex(const Store& store) : text_(cached_text(store, index_name).value_or(std::string())) {
    auto rest = std::string_view(text_);
    if (!rest.starts_with(heading)) return;
    for (rest.remove_prefix(heading.size()); !rest.empty();) {
      auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      const auto id = take_field(line);
      auto& found = lines_[id];
      found.stamp = take_field(line);
      found.sessions = take_field(line);
      for (auto& text : found.texts) text = take_field(line);
    }
  }

  const Line* find(std::string_view id) const {
    const auto found = lines_.find(id);
    return found == lines_.end() ? nullptr : &found->second;
  }

 private:
  std::string text_;
  std::unordered_map<std::string_view, Line> lines_;
};

struct Found {
  std::optional<IndexedInstance> indexed;
  std::optional<std::string> damage;
  Stamp stamp;
  bool was_known = false;
};

std::optional<timespec> time_of(const std::filesystem::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status.st_ctim;
}

/// All instances, by what the index says and, where it does not know, by their records.
class Looking {
 public:
  Looking(const Store& store, int all, const std::vector<std::string>& names)
      : store_(store), all_(all), names_(names), found_(names.size()) {}

  IndexedInstances run() && {
    const KeptIndex kept(store_);
    each([&](std::size_t i) { find(i, kept); });
    const auto is_known = [](const Found& found) { return found.was_known; };
    if (!std::all_of(found_.begin(), found_.end(), is_known)) read_unknown();
    return std::move(*this).all();
  }

 private:
  std::filesystem::path directory(std::size_t i) const { return store_.instances_path() / names_[i]; }

  void each(const std::function<void(std::size_t)>& work) const {
    for_each_index(names_.size(), threads_for_instances(names_.size()), work);
  }

  void find(std::size_t i, const KeptIndex& kept) {
    const auto* line = kept.find(names_[i]);
    if (line == nullptr) return;
    auto& found = found_[i];
    found.stamp = stamp_of(all_, names_[i], line);
    found.was_known = found.stamp.text == line->stamp;
    if (found.was_known) found.indexed = indexed_of(*line, directory(i));
  }

  /// The times of their files are looked at after that of a directory made just now, and before they are read.
  void read_unknown() {
    const bool pays = names_.size() >= too_few_for_an_index;
    const auto staging = pays ? staging_if_writable(store_) : std::nullopt;
    const auto later = staging ? time_of(staging->path()) : std::nullopt;
    each([&](std::size_t i) {
      auto& found = found_[i];
      if (found.was_known) return;
      found.stamp = stamp_of(all_, names_[i]);
      found.damage = damage_in([&] { found.indexed = read_indexed(all_, directory(i)); });
    });
    if (later) keep(*staging, *later);
  }

  /// What changed at `later` or since stays out, and is read by the next who asks.
  void keep(const Staging& staging, const timespec& later) const {
    std::string text(heading);
    for (const auto& found : found_)
      if (found.indexed && fits(found.indexed->instance.id) &&
          (found.was_known || is_before(found.stamp.latest, later)))
        text += line_of(*found.indexed, found.stamp);
    keep_text(store_, staging, index_name, text);
  }

  IndexedInstances all() && {
    IndexedInstances all;
    all.whole.reserve(found_.size());
    for (std::size_t i = 0; i < found_.size(); ++i) {
      auto& found = found_[i];
      if (found.indexed) all.whole.push_back(*std::move(found.indexed));
      if (found.damage) all.damaged.push_back({names_[i], directory(i), *std::move(found.damage)});
    }
    return all;
  }

  const Store& store_;
  int all_;
  const std::vector<std::string>& names_;
  std::vector<Found> found_;
};

}  // namespace

IndexedInstances indexed_instances(const Store& store) {
  const auto all = open_if_exists(AT_FDCWD, store.instances_path(), O_RDONLY | O_DIRECTORY);
  if (!all) return {};
  const auto names = names_in(all->get(), store.instances_path());
  return Looking(store, all->get(), names).run();
}

}  // namespace karapace::store
