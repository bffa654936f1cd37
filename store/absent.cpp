// SPDX-License-Identifier: Apache-2.0
#include "store/absent.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <map>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "store/repair.hpp"

namespace karapace::store {

namespace {

std::filesystem::path marks(const Store& store) { return store.root() / "absent"; }
std::filesystem::path mark_of(const Store& store, const StepKey& key) { return marks(store) / key.hex(); }

bool has_name(const std::filesystem::path& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

constexpr std::string_view output_is_here = "here\n";

/// One that is there stays.
void add_mark(const Store& store, const StepKey& key, std::string_view text) {
  make_directory_if_missing(marks(store), 0700);
  if (!has_name(mark_of(store, key)))
    publish_file(store.staging_path(), mark_of(store, key), std::string(text), Durable::no);
}

/// What is in a mark that has a record; nothing in others, and in those that are damaged.
std::optional<StepRecord> forgotten_record(const Store& store, const StepKey& key) {
  try {
    const auto text = read_file_if_exists(mark_of(store, key));
    if (!text || text->empty() || *text == output_is_here) return std::nullopt;
    return StepRecord::parse(*text, key, "a forgotten record");
  } catch (const StoreError&) {
    return std::nullopt;
  }
}

/// For how long others wait; then they have their turn.
constexpr std::chrono::milliseconds a_moment{10};

void set_time(const std::filesystem::path& path, const timespec& time) {
  const timespec times[] = {time, time};
  if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    throw StoreError(errno_message(fmt::format("cannot set the time of \"{}\"", escaped_utf8(path.native())), errno));
}

void add_taken_record(const Store& store, const StepRecord& record, const timespec& now) {
  const auto key = record.step.key();
  const bool is_here = missing_output(store, record).empty();
  const bool is_known = has_name(store.step_path(key));
  if (is_known && is_here) return;
  add_mark(store, key, is_here ? output_is_here : std::string_view());
  if (is_known) return;
  publish_file(store.staging_path(), store.step_path(key), record.text(), Durable::no);
  set_time(store.step_path(key), now);
}

/// Into its mark. One that is gone meanwhile is forgotten already.
void forget_record(const Store& store, const StepKey& key) {
  if (::rename(store.step_path(key).c_str(), mark_of(store, key).c_str()) != 0 && errno != ENOENT)
    throw StoreError(errno_message(fmt::format("cannot forget the record {}", key.hex()), errno));
  ::unlink(store.step_path(key).c_str());  // of two names of one file rename(2) leaves both
}

// The steps to forget, found without a lock: what is absent stays so until somebody makes it.
class Forgetting {
 public:
  explicit Forgetting(const Store& store) : store_(store) {}

  void add(const StepKey& key) {
    pending_.push_back(key);
    while (!pending_.empty()) {
      const auto next = pending_.back();
      pending_.pop_back();
      look_at(next);
    }
  }

  std::vector<StepKey> forget() {
    if (found_.empty()) return {};
    const auto lock = store_.lock_contents(LOCK_EX);
    std::vector<StepKey> forgotten;
    for (const auto& key : found_) {
      const auto record = store_.record(key);
      if (!record || !is_absent(store_, *record)) continue;
      forget_record(store_, key);
      forgotten.push_back(key);
    }
    return forgotten;
  }

 private:
  void look_at(const StepKey& key) {
    if (found_.contains(key) || !has_name(mark_of(store_, key))) return;
    const auto record = store_.record(key);
    if (!record || !is_absent(store_, *record)) return;
    found_.insert(key);
    pending_.insert(pending_.end(), record->step.inputs.begin(), record->step.inputs.end());
  }

  const Store& store_;
  std::set<StepKey> found_;
  std::vector<StepKey> pending_;
};

}  // namespace

void add_taken_records(const Store& store, std::span<const StepRecord> records) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  for (std::size_t next = 0; next < records.size();) {
    // Alone: between the look and the record somebody else could make the same, and lose his record and his claim to
    // it.
    const auto lock = store.lock_contents(LOCK_EX);
    const auto end = std::chrono::steady_clock::now() + a_moment;
    do add_taken_record(store, records[next++], now);
    while (next < records.size() && std::chrono::steady_clock::now() < end);
  }
}

void mark_taken(const Store& store, const StepKey& key) {
  const auto lock = store.lock_contents(LOCK_EX);
  add_mark(store, key, output_is_here);
}

bool is_absent(const Store& store, const StepRecord& record) {
  const auto mark = read_file_if_exists(mark_of(store, record.step.key()));
  return mark && *mark != output_is_here && !missing_output(store, record).empty();
}

bool has_absent_outputs(const Store& store) { return !names_in(marks(store)).empty(); }

std::vector<StepKey> forget_absent(const Store& store, std::span<const StepKey> steps) {
  Forgetting forgetting(store);
  for (const auto& key : steps) forgetting.add(key);
  return forgetting.forget();
}

bool is_taken(const Store& store, const StepKey& step) { return has_name(mark_of(store, step)); }

std::vector<StepKey> forget_taken(const Store& store, std::span<const StepKey> steps) {
  if (!has_absent_outputs(store)) return {};
  std::set<StepKey> found;
  for (bool is_growing = true; is_growing;) {
    is_growing = false;
    for (const auto& key : steps) {
      const auto record = found.contains(key) ? std::nullopt : store.record(key);
      if (!record) continue;
      const auto& inputs = record->step.inputs;
      const bool reads_one =
          std::any_of(inputs.begin(), inputs.end(), [&](auto& input) { return found.contains(input); });
      if (reads_one || is_taken(store, key)) is_growing = found.insert(key).second;
    }
  }
  const auto lock = store.lock_contents(LOCK_EX);
  for (const auto& key : found) forget_record(store, key);
  return {found.begin(), found.end()};
}

std::vector<StepKey> forget_absent_inputs(const Store& store, std::span<const Step* const> steps) {
  if (!has_absent_outputs(store)) return {};
  Forgetting forgetting(store);
  for (const auto* step : steps) {
    if (has_name(store.step_path(step->key()))) continue;
    for (const auto& input : step->inputs) forgetting.add(input);
  }
  return forgetting.forget();
}

namespace {

// Which forgotten records may come back.
class Remembering {
 public:
  explicit Remembering(const Store& store) : store_(store) {}

  bool may_come_back(const StepKey& key) {
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    const auto record = forgotten_record(store_, key);
    bool may = record.has_value();
    if (record)
      for (const auto& input : record->step.inputs) may = may && is_as_taken(input);
    return known_[key] = may;
  }

 private:
  bool is_as_taken(const StepKey& input) {
    return has_name(store_.step_path(input)) ? is_taken(store_, input) : may_come_back(input);
  }

  const Store& store_;
  std::map<StepKey, bool> known_;
};

}  // namespace

void remember_absent(const Store& store, std::span<const Step* const> steps) {
  if (!has_absent_outputs(store)) return;
  Remembering remembering(store);
  for (const auto* step : steps) {
    const auto key = step->key();
    if (has_name(store.step_path(key)) || !remembering.may_come_back(key)) continue;
    const auto lock = store.lock_contents(LOCK_SH);
    // Another name of the same file: what is a mark stays one.
    if (::link(mark_of(store, key).c_str(), store.step_path(key).c_str()) != 0 && errno != EEXIST && errno != ENOENT)
      throw StoreError(errno_message(fmt::format("cannot bring back the record {}", key.hex()), errno));
  }
}

std::optional<StepRecord> record_or_forgotten(const Store& store, const StepKey& key) {
  if (auto record = store.record(key)) return record;
  return forgotten_record(store, key);
}

bool was_taken_over(const Store& store, const StepKey& step) {
  if (!has_absent_outputs(store)) return false;
  std::set<StepKey> seen;
  std::vector<StepKey> pending{step};
  while (!pending.empty()) {
    const auto key = pending.back();
    pending.pop_back();
    if (!seen.insert(key).second) continue;
    const auto record = store.record(key);
    if (!record || has_name(mark_of(store, key))) return true;
    pending.insert(pending.end(), record->step.inputs.begin(), record->step.inputs.end());
  }
  return false;
}

void remove_stray_marks(const Store& store, const std::set<StepKey>& needed) {
  std::set<StepKey> kept;
  std::vector<StepKey> pending(needed.begin(), needed.end());
  while (!pending.empty()) {
    const auto key = pending.back();
    pending.pop_back();
    const auto record = kept.insert(key).second ? forgotten_record(store, key) : std::nullopt;
    if (record) pending.insert(pending.end(), record->step.inputs.begin(), record->step.inputs.end());
  }
  for (const auto& name : names_in(marks(store))) {
    const auto key = StepKey::from_hex(name);
    if (!key || (!has_name(store.step_path(*key)) && !kept.contains(*key))) ::unlink((marks(store) / name).c_str());
  }
}

}  // namespace karapace::store
