// SPDX-License-Identifier: Apache-2.0
// Variation: the circumstances of a build that must not count, and other ones than here.
//
// What can not be varied on this machine is said, not passed over. Always the same are the kernel and the processor:
// for these, compare with another machine's records (record_document.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace karapace::proof {

/// What is varied, in the order in which it is told.
inline constexpr std::array<std::string_view, 8> variation_names = {"clock", "directory", "order",  "host",
                                                                    "user",  "umask",     "locale", "cpus"};

struct VariedThing {
  std::string name;  // of variation_names
  bool is_varied = false;
  std::string how;  // "clock +40 days"; why not, when it is not varied
};

/// Another time of day for the commands of steps, in seconds: crosses a month and the middle of a day.
constexpr std::int64_t clock_offset = 40 * 86400 + 11 * 3600 + 22 * 60 + 1;

struct Variation {
  std::set<std::string> same;                   // names that are to stay as they are
  std::filesystem::path home;                   // the other home directory
  std::filesystem::path temporary;              // the other TMPDIR
  std::vector<std::filesystem::path> readable;  // the other user must be able to read these, or stays this one
};

struct VariedRun {
  int status = 0;                   // what `run` returned
  std::vector<VariedThing> things;  // host, user, umask, locale, cpus
};

/// Runs `run` in a child process under other circumstances; its argument is how many processors it may use. Call it
/// before any thread starts. Interrupts from the terminal are left to the child.
VariedRun run_varied(const Variation& variation, const std::function<int(unsigned processors)>& run);

}  // namespace karapace::proof
