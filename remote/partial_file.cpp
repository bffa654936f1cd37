// SPDX-License-Identifier: Apache-2.0
#include "remote/partial_file.hpp"

#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"

namespace karapace::remote {

PartialFile::PartialFile(std::filesystem::path path, std::uint64_t declared_size, Size kind)
    : path_(std::move(path)),
      declared_size_(declared_size),
      kind_(kind),
      fd_(open_at(AT_FDCWD, path_, O_WRONLY | O_CREAT | O_EXCL, 0644)),
      blake3_(std::make_unique<Blake3>()) {}

std::string PartialFile::progress() const {
  if (kind_ == Size::limit) return fmt::format("{} bytes", size_);
  return fmt::format("{} of {} bytes", size_, declared_size_);
}

PartialFile::Room PartialFile::append(std::string_view bytes) {
  if (bytes.size() > declared_size_ - size_) return Room::exceeded;
  write_all(fd_.get(), bytes, path_.native());
  blake3_->update(bytes);
  sha256_.update(bytes);
  size_ += bytes.size();
  return Room::enough;
}

void PartialFile::restart() {
  if (::ftruncate(fd_.get(), 0) != 0 || ::lseek(fd_.get(), 0, SEEK_SET) != 0) {
    throw StoreError(errno_message(fmt::format("cannot truncate \"{}\"", path_.string()), errno));
  }
  size_ = 0;
  blake3_ = std::make_unique<Blake3>();
  sha256_ = Sha256Hasher();
}

FileDigests PartialFile::finish() {
  if (::fdatasync(fd_.get()) != 0) {
    throw StoreError(errno_message(fmt::format("cannot write \"{}\"", path_.string()), errno));
  }
  return {blake3_->finish(), sha256_.finish()};
}

}  // namespace karapace::remote
