// SPDX-License-Identifier: Apache-2.0
// InitPlan: what process 1 of a sandbox is told, as one block of bytes in a sealed memfd.
//
// Process 1 is a program of its own (main.cpp) that starts with empty arguments, an empty environment and the
// descriptors below, so that nothing of the process outside is in its memory. The block is a header, then for each
// command a CommandHeader and its strings, each ending with a null byte: PATH, working directory, arguments, variables.
// Both sides are built together: there is no compatibility to keep, only a check.
#pragma once

#include <cstddef>
#include <cstdint>

namespace karapace::init {

/// The descriptors that process 1 starts with, besides 0, 1 and 2. Those that it is not given are closed.
namespace descriptor {
inline constexpr int report = 3;    // a socket to the process outside (report.hpp)
inline constexpr int plan = 4;      // this block
inline constexpr int null = 5;      // the sandbox's /dev/null
inline constexpr int output = 6;    // standard output and error of all commands (Header::has_output)
inline constexpr int terminal = 7;  // the slave of a new terminal (Header::terminal_streams)
inline constexpr int lock = 8;      // what keeps the upper directory, held until the sandbox is gone
}  // namespace descriptor

/// How calls are answered that change owners or become another user.
enum class OwnerCalls : std::uint32_t {
  real,       // the kernel decides: ids are mapped
  pretended,  // they succeed without effect, as only one id is mapped (sessions)
  tracked,    // they are sent to process 1, which records them (steps)
};

struct Header {
  static constexpr std::uint64_t expected_mark = 0x31'74'69'6e'69'2d'6b'31;
  std::uint64_t mark = expected_mark;
  std::uint64_t size = 0;         // of the whole block
  std::uint64_t signal_mask = 0;  // of commands, as the kernel has it: bit n - 1 for signal n
  std::uint32_t commands = 0;     // how many follow
  OwnerCalls owners = OwnerCalls::real;
  std::uint32_t umask = 022;           // of commands
  std::uint32_t directory_order = 0;   // which order directories have (directory_order.hpp); 0: their own
  std::uint32_t has_output = 0;        // 1: descriptor::output is there, and standard input is empty
  std::uint32_t terminal_streams = 0;  // bit n: the terminal becomes descriptor n; 0: there is no terminal
  std::uint32_t null_streams = 0;      // bit n: /dev/null becomes descriptor n
  std::uint32_t resets_signals = 0;    // 1: what the caller ignores is not ignored inside
};

struct CommandHeader {
  std::uint32_t arguments = 0;
  std::uint32_t variables = 0;
};

/// The value that a signal from outside carries (sigqueue(3)): whom process 1 passes it on to.
enum class SignalReach : int { command = 0, group = 1 };

}  // namespace karapace::init
