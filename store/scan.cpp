// SPDX-License-Identifier: Apache-2.0
#include "store/scan.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::store {

namespace {

/// Only reads.
class Hashing final : public TreeSink {
 public:
  explicit Hashing(const ScanOptions& options) : options_(options) {}

  Fd directory(const Entry&) override { return {}; }
  void other(const Entry&, int) override {}

  void file(int fd, const struct stat& status, Entry& entry, int, std::vector<char>& buffer) override {
    Blake3 hasher;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    while (entry.size < size) {
      const ssize_t count = ::read(fd, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0)
        throw StoreError(
            errno_message(fmt::format("{}: cannot read \"/{}\"", options_.label, escaped_utf8(entry.path)), errno));
      if (count == 0) return;  // whoever looks at its size next sees that it shrank
      hasher.update({buffer.data(), static_cast<std::size_t>(count)});
      entry.size += static_cast<std::uint64_t>(count);
    }
    entry.content = hasher.finish();
  }

 private:
  const ScanOptions& options_;
};

}  // namespace

Listing scan(int tree, const ScanOptions& options) {
  Hashing sink(options);
  return walk_tree(tree, options, sink).listing;
}

}  // namespace karapace::store
