// SPDX-License-Identifier: Apache-2.0
// Ninja, as Karapace calls it: NINJA, else the first of ninja, ninja-build and samu in PATH.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/child.hpp"
#include "generator/project/generate.hpp"

namespace karapace::project {

/// Runs ninja with these arguments in `directory`. Error telling what to install when there is none.
int run_ninja(const std::vector<std::string>& arguments, const std::filesystem::path& directory, ChildOutput output);

/// What Ninja's status tells: that it started an edge, or that one ended.
struct NinjaStatus {
  std::size_t started = 0;  // edges
  std::size_t finished = 0;
  std::size_t total = 0;
  std::string description;  // of the edge
  bool operator==(const NinjaStatus&) const = default;
};

/// Takes Ninja's output apart. Ninja is told by NINJA_STATUS to begin each status with counts that are marked, so
/// nothing that a command prints is taken for one.
class NinjaOutput {
 public:
  struct Reader {
    std::function<void(const NinjaStatus&)> status;
    std::function<void(std::string_view)> line;  // of everything else, without its end
  };
  explicit NinjaOutput(Reader reader);
  /// NINJA_STATUS=...
  std::string variable() const;
  void read(std::string_view bytes);
  /// What is left that has no end.
  void end();

 private:
  bool take_status();
  bool take_line();
  void tell(std::string_view line);
  Reader reader_;
  std::string mark_;  // random: no command knows it
  std::string pending_;
};

/// Whether the ninja that would run tells when edges start and when they end: Ninja does, on a terminal.
bool ninja_tells_edges();
/// Runs it as run_ninja does, on a terminal of its own; `tick` is called ten times a second.
WatchedEnd watch_ninja(const std::vector<std::string>& arguments, const std::filesystem::path& directory,
                       const NinjaOutput::Reader& reader, const std::function<void()>& tick);
/// Runs it without a word about edges: only when it fails, what it and its commands said goes to standard error.
int run_ninja_quietly(const std::vector<std::string>& arguments, const std::filesystem::path& directory);

/// Ninja's log remembers when it last wrote build.ninja itself. When somebody else just did, its memory is refreshed;
/// else the next `ninja` would write the same graph once more.
void note_regenerated(const Generated& generated, const std::filesystem::path& directory);

}  // namespace karapace::project
