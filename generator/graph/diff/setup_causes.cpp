// SPDX-License-Identifier: Apache-2.0
// Files and commands of the set-up.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "generator/graph/diff/lock_causes.hpp"
#include "generator/manifest/rules.hpp"

namespace karapace::diff {

namespace {

Cause file_cause(CauseKind kind, const lock::LockedFile& file) {
  return {kind, Stage::setup, file.target, std::nullopt, std::nullopt, {}, {}};
}

class FileComparison {
 public:
  FileComparison(std::vector<Cause>& causes, const LockPair& locks) : causes_(causes), locks_(locks) {}

  void run(const std::vector<lock::LockedFile>& before, const std::vector<lock::LockedFile>& after) {
    auto old = by_target(before);
    auto now = by_target(after);
    std::vector<const lock::LockedFile*> gone;
    for (const auto& [place, file] : old) {
      if (!now.contains(place)) gone.push_back(file);
    }
    bool changed = !gone.empty();
    for (const auto& [place, file] : now) {
      auto found = old.find(place);
      if (found != old.end()) {
        compare(*found->second, *file);
      } else {
        changed = true;
        append_new(gone, *file);
      }
    }
    for (const auto* file : gone) causes_.push_back(file_cause(CauseKind::file_removed, *file));
    if (!changed && targets(before) != targets(after)) {
      causes_.push_back({CauseKind::file_order, Stage::setup, "files", std::nullopt, std::nullopt, {}, {}});
    }
  }

 private:
  // A target may stand there twice: the last one wins, but each is a file of its own.
  using Place = std::pair<std::string, std::size_t>;

  static std::map<Place, const lock::LockedFile*> by_target(const std::vector<lock::LockedFile>& files) {
    std::map<Place, const lock::LockedFile*> all;
    std::map<std::string, std::size_t> count;
    for (const auto& file : files) all[{file.target, count[file.target]++}] = &file;
    return all;
  }

  static std::vector<std::string> targets(const std::vector<lock::LockedFile>& files) {
    std::vector<std::string> all;
    for (const auto& file : files) all.push_back(file.target);
    return all;
  }

  void compare(const lock::LockedFile& before, const lock::LockedFile& after) {
    auto cause = file_cause(CauseKind::file_changed, after);
    if (before.content != after.content) {
      cause.details.push_back("other content");
      cause.before = before.content.hex();
      cause.after = after.content.hex();
    }
    if (before.mode != after.mode) {
      cause.details.push_back(
          fmt::format("mode {} → {}", manifest::mode_text(before.mode), manifest::mode_text(after.mode)));
    }
    if (!cause.details.empty()) {
      causes_.push_back(std::move(cause));
    } else if (before.source != after.source && locks_.whole()) {
      causes_.push_back(
          {CauseKind::file_source, Stage::environment, after.target, before.source, after.source, {}, {}});
    }
  }

  /// The same bytes that were elsewhere before moved.
  void append_new(std::vector<const lock::LockedFile*>& gone, const lock::LockedFile& file) {
    auto same = [&](const lock::LockedFile* old) { return old->content == file.content && old->mode == file.mode; };
    auto found = std::find_if(gone.begin(), gone.end(), same);
    if (found == gone.end()) {
      causes_.push_back(file_cause(CauseKind::file_added, file));
      return;
    }
    auto cause = file_cause(CauseKind::file_changed, file);
    cause.details.push_back(fmt::format("was {}", (*found)->target));
    causes_.push_back(std::move(cause));
    gone.erase(found);
  }

  std::vector<Cause>& causes_;
  const LockPair& locks_;
};

using Commands = std::vector<std::string>;

/// The lengths of the longest common subsequences of what follows each pair of places.
std::vector<std::vector<std::size_t>> common_lengths(const Commands& a, const Commands& b) {
  std::vector<std::vector<std::size_t>> length(a.size() + 1, std::vector<std::size_t>(b.size() + 1, 0));
  for (auto i = a.size(); i-- > 0;) {
    for (auto j = b.size(); j-- > 0;) {
      length[i][j] = a[i] == b[j] ? length[i + 1][j + 1] + 1 : std::max(length[i + 1][j], length[i][j + 1]);
    }
  }
  return length;
}

/// Commands that stand in one place, before and after.
void append_hunk(std::vector<Cause>& causes, const Commands& gone, const Commands& come) {
  auto changed = std::min(gone.size(), come.size());
  for (std::size_t i = 0; i < changed; ++i) {
    causes.push_back({CauseKind::command_changed, Stage::setup, come[i], gone[i], come[i], {}, {}});
  }
  for (auto i = changed; i < gone.size(); ++i) {
    causes.push_back({CauseKind::command_removed, Stage::setup, gone[i], gone[i], std::nullopt, {}, {}});
  }
  for (auto i = changed; i < come.size(); ++i) {
    causes.push_back({CauseKind::command_added, Stage::setup, come[i], std::nullopt, come[i], {}, {}});
  }
}

// Comparing takes time with the product of the two: more than this many are told as one change.
constexpr std::size_t most_compared = 4'000'000;

void append_command_causes(std::vector<Cause>& causes, const Commands& before, const Commands& after) {
  if (before == after) return;
  auto sorted = [](Commands commands) {
    std::sort(commands.begin(), commands.end());
    return commands;
  };
  if (sorted(before) == sorted(after)) {
    causes.push_back({CauseKind::command_order, Stage::setup, "commands", std::nullopt, std::nullopt, {}, {}});
    return;
  }
  if (before.size() * after.size() > most_compared) return append_hunk(causes, before, after);
  auto length = common_lengths(before, after);
  std::size_t i = 0, j = 0;
  while (i < before.size() || j < after.size()) {
    Commands gone, come;
    while (i < before.size() || j < after.size()) {
      if (i < before.size() && j < after.size() && before[i] == after[j]) break;
      if (j == after.size() || (i < before.size() && length[i + 1][j] >= length[i][j + 1])) {
        gone.push_back(before[i++]);
      } else {
        come.push_back(after[j++]);
      }
    }
    append_hunk(causes, gone, come);
    for (; i < before.size() && j < after.size() && before[i] == after[j]; ++j) ++i;
  }
}

}  // namespace

void append_setup_causes(std::vector<Cause>& causes, const LockPair& locks) {
  const auto& [before, after, of_before, of_after] = locks;
  if (before.files != after.files) FileComparison(causes, locks).run(before.files, after.files);
  append_command_causes(causes, before.run, after.run);
}

}  // namespace karapace::diff
