// SPDX-License-Identifier: Apache-2.0
// Another order of directories: for files that are to be the same on every file system (steps/remade_files.hpp), and
// for builds that are to show what else follows it (karapace reproduce --order).
//
// File systems tell a directory's names in orders of their own: ext4 by a hash with a secret of each file system, tmpfs
// by age, the overlay by layers. Programs write that order into caches and indexes (info's dir, ghc's package.cache).
// The filter sends getdents64(2) of commands to process 1 (seccomp_unotify(2)), which reads the whole directory through
// the caller's own open file and answers with the next names in the order of a hash of the name: static programs and
// those of any language get it, too. Not for every build: a signal that comes before process 1 has received the call
// makes it fail with EINTR, and each call reads the whole directory.
//
// A name's position (d_off, and what lseek(2) sets) is its hash, so nothing has to be remembered between two calls,
// telldir(3) works, and who removes names while reading misses none. Positions fit 31 bits, as some file systems and
// 32-bit programs know no larger ones; names of one hash are told in one call. "." and ".." come first.
//
// Only directories of the root, an overlay, are ordered; procfs and the like count in their own way. Calls older than
// getdents64(2), which no C library makes any more, go on into the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <linux/seccomp.h>
#include <sys/types.h>

#include "base/fd.hpp"
#include "runtime/init/caller_file.hpp"

namespace karapace::init {

struct DirectoryCall {
  int descriptor = -1;       // of the caller
  std::uint64_t buffer = 0;  // its address in the caller
  std::size_t size = 0;
};

/// Nothing when it is no call of getdents64(2).
std::optional<DirectoryCall> decode_directory_call(const seccomp_data& call) noexcept;

/// What a plan asks for (Header::directory_order): 0 is the file system's own order, this one that of what is to be the
/// same everywhere. The seed is one less.
inline constexpr std::uint32_t order_of_names = 1;

/// Where a name stands in the order that `seed` chooses: 0 and 1 for "." and "..", else up to `end_of_directory`.
std::uint32_t directory_position(const char* name, std::uint32_t seed) noexcept;
inline constexpr std::uint32_t end_of_directory = 0x7fff'ffff;

/// Memory that grows and is kept: process 1 has no heap.
class GrowingBuffer {
 public:
  GrowingBuffer() = default;
  GrowingBuffer(const GrowingBuffer&) = delete;
  GrowingBuffer& operator=(const GrowingBuffer&) = delete;
  ~GrowingBuffer();
  /// False with errno when there is no more memory; what was there stays.
  bool reserve(std::size_t size) noexcept;
  char* bytes() const noexcept { return bytes_; }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  char* bytes_ = nullptr;
  std::size_t capacity_ = 0;
};

/// Answers one call at a time.
class OrderedDirectories {
 public:
  /// `seed` chooses the order.
  explicit OrderedDirectories(std::uint32_t seed) noexcept : seed_(seed) {}

  struct Answer {
    bool goes_on = false;  // into the kernel: nothing that is ordered
    int error = 0;
    std::int64_t size = 0;  // written to the caller's buffer
  };
  Answer answer(const Waiting& waiting, const DirectoryCall& call) noexcept;
  /// The caller never got the last answer, as a signal came first, and asks again.
  void take_back() noexcept;
  /// Lets the caller's file go: who waits for its end must not wait for this process.
  void release() noexcept { directory_.reset(); }

 private:
  struct Name {
    std::uint32_t position;
    std::uint32_t record;  // its place in `read_`
  };
  bool read_all() noexcept;
  bool sort_names() noexcept;
  const char* name_of(const Name& name) const noexcept;
  std::size_t write_from(std::uint32_t position, std::size_t size) noexcept;
  std::size_t group_end(std::size_t first) const noexcept;
  Answer answer_from(pid_t caller, const DirectoryCall& call, std::int64_t position) noexcept;

  std::uint32_t seed_;
  Fd directory_;             // of the last answer
  std::int64_t before_ = 0;  // its position before it
  std::uint32_t next_ = 0;   // and after it
  GrowingBuffer read_;       // what the kernel told: linux_dirent64 after linux_dirent64
  std::size_t read_size_ = 0;
  GrowingBuffer names_;  // Name[], sorted
  std::size_t name_count_ = 0;
  GrowingBuffer written_;
};

}  // namespace karapace::init
