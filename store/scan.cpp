// SPDX-License-Identifier: Apache-2.0
#include "store/scan.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <unistd.h>

#include "base/call_error.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::store {

namespace {

/// Only reads.
class Hashing final : public TreeSink {
 public:
  Hashing(const ScanOptions& options, FileDigests* known) : options_(options), known_(known) {}

  Fd directory(const Entry&) override { return {}; }
  void other(const Entry&, int) override {}

  void file(int fd, const struct stat& status, Entry& entry, int, std::vector<char>& buffer) override {
    const bool is_shared = known_ != nullptr && status.st_nlink > 1;
    if (is_shared && known_->find(status, entry)) return;
    Blake3 hasher;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    while (entry.size < size) {
      const ssize_t count = ::read(fd, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0)
        throw CallError(fmt::format("{}: cannot read \"/{}\"", options_.label, escaped_utf8(entry.path)), errno);
      if (count == 0) return;  // whoever looks at its size next sees that it shrank
      hasher.update({buffer.data(), static_cast<std::size_t>(count)});
      entry.size += static_cast<std::uint64_t>(count);
    }
    entry.content = hasher.finish();
    if (is_shared) known_->add(status, entry);
  }

 private:
  const ScanOptions& options_;
  FileDigests* known_;
};

}  // namespace

bool FileDigests::find(const struct stat& status, Entry& entry) {
  std::lock_guard guard(mutex_);
  const auto found = known_.find({status.st_dev, status.st_ino});
  // One that was replaced meanwhile has another inode; one that was written to has another size more often than not.
  if (found == known_.end() || found->second.size != static_cast<std::uint64_t>(status.st_size)) return false;
  entry.size = found->second.size;
  entry.content = found->second.content;
  bytes_not_read_ += entry.size;
  return true;
}

void FileDigests::add(const struct stat& status, const Entry& entry) {
  std::lock_guard guard(mutex_);
  known_.insert_or_assign({status.st_dev, status.st_ino}, Known{entry.size, entry.content});
}

Listing scan(int tree, const ScanOptions& options, FileDigests* known) {
  Hashing sink(options, known);
  return walk_tree(tree, options, sink).listing;
}

}  // namespace karapace::store
