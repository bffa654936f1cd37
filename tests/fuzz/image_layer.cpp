// SPDX-License-Identifier: Apache-2.0
// Layers of images from anywhere, unpacked: what there is afterwards is what is said, and nothing lies beside it.
#include "runtime/trees/image_layer.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "store/scan.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace karapace;

constexpr std::uint64_t most_content = 1 << 20;

void require(bool holds) {
  if (!holds) std::abort();
}

void unpack(const std::filesystem::path& path, std::string_view bytes) {
  const auto tree = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  const auto source = [rest = bytes](std::span<char> buffer) mutable {
    const auto size = std::min(buffer.size(), rest.size());
    std::memcpy(buffer.data(), rest.data(), size);
    rest.remove_prefix(size);
    return size;
  };
  const auto layer = trees::unpack_image_layer(
      {.directory = tree.get(), .blob = source, .label = "layer", .byte_limit = most_content});
  store::ScanOptions options;
  options.times = store::Times::nanoseconds;
  if (::geteuid() != 0) options.owners = store::Owners::ignore;
  require(layer.listing.text() == store::scan(tree.get(), options).text());
}

}  // namespace

void karapace::fuzz_one(std::string_view bytes) {
  static const TemporaryDirectory outside("karapace-fuzz");
  const auto path = outside.path() / "tree";
  make_directory(path);
  try {
    unpack(path, bytes);
  } catch (const Error&) {
  }
  require(names_in(outside.path()) == std::vector<std::string>{"tree"});
  remove_tree(path);
}
