// SPDX-License-Identifier: Apache-2.0
#include "generator/project/source_digests.hpp"

#include <charconv>

#include <fmt/format.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

/// "STATE SHA256 BLAKE3 SIZE\n"
std::string line_of(const Digest& state, const ArchiveDigests& digests) {
  return fmt::format("{} {} {} {}\n", state.hex(), digests.sha256.hex(), digests.blob.hex(), digests.size);
}

std::optional<ArchiveDigests> parsed(std::string_view line, const Digest& state) {
  constexpr std::size_t hex = 64;
  if (line.size() <= 3 * (hex + 1)) return std::nullopt;
  const auto sha256 = Sha256::from_hex(line.substr(hex + 1, hex));
  const auto blob = BlobId::from_hex(line.substr(2 * (hex + 1), hex));
  if (!sha256 || !blob) return std::nullopt;
  ArchiveDigests digests{*sha256, *blob, 0};
  std::from_chars(line.data() + 3 * (hex + 1), line.data() + line.size(), digests.size);
  if (line != line_of(state, digests)) return std::nullopt;
  return digests;
}

}  // namespace

ArchiveDigests digests_of(const SourceTree& tree, const fs::path& cache) {
  if (cache.empty()) return tree.archive(-1);
  const auto directory = cache / "source-trees";
  const auto file = directory / blake3(tree.root().native()).hex();
  if (const auto line = read_file_if_exists(file))
    if (const auto known = parsed(*line, tree.state())) return *known;
  const auto digests = tree.archive(-1);
  if (!tree.is_settled()) return digests;
  try {
    fs::create_directories(directory);
    write_file_atomically(file, line_of(tree.state(), digests), Durable::no);
  } catch (const std::exception&) {
    // Without a cache the tree is read again.
  }
  return digests;
}

}  // namespace karapace::project
