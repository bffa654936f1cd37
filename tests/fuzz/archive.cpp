// SPDX-License-Identifier: Apache-2.0
// Archives from anywhere: every entry of a tar or ar file is read to its end, at most 16 MiB of contents in all.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.hpp"
#include "runtime/trees/archive_reader.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using karapace::trees::ArchiveFormat;

void read_all_entries(ArchiveFormat format, std::string_view bytes) {
  auto source = [rest = bytes](std::span<char> buffer) mutable {
    auto size = std::min(buffer.size(), rest.size());
    std::memcpy(buffer.data(), rest.data(), size);
    rest.remove_prefix(size);
    return size;
  };
  try {
    karapace::trees::ArchiveReader reader(format, source, "archive");
    std::array<char, 4096> block{};
    std::size_t total = 0;
    while (reader.next() != nullptr) {
      for (std::size_t got; (got = reader.read(block)) > 0;) {
        if ((total += got) > std::size_t{16} << 20) return;
      }
    }
  } catch (const karapace::Error&) {
  }
}

}  // namespace

void karapace::fuzz_one(std::string_view bytes) {
  read_all_entries(ArchiveFormat::tar, bytes);
  read_all_entries(ArchiveFormat::ar, bytes);
}
