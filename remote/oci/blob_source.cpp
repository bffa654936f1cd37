// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/blob_source.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/regular_file.hpp"

namespace karapace::oci {

BlobSource BlobSource::of_bytes(std::string bytes) {
  BlobSource source;
  source.size_ = bytes.size();
  source.bytes_ = std::make_shared<const std::string>(std::move(bytes));
  return source;
}

BlobSource BlobSource::of_file(const std::filesystem::path& path) {
  auto fd = open_regular(AT_FDCWD, path, Links::followed);
  if (!fd) throw StoreError(fmt::format("cannot open \"{}\": there is no such file", path.string()));
  return of_file(std::move(*fd), path.string());
}

BlobSource BlobSource::of_file(Fd file, std::string label) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0)
    throw StoreError(errno_message(fmt::format("cannot read \"{}\"", label), errno));
  BlobSource source;
  source.size_ = static_cast<std::uint64_t>(status.st_size);
  source.label_ = std::move(label);
  source.file_ = std::make_shared<const Fd>(std::move(file));
  return source;
}

BlobSource BlobSource::watched(std::function<void(std::uint64_t)> seen) const {
  auto source = *this;
  source.seen_ = std::move(seen);
  return source;
}

std::size_t BlobSource::read(std::uint64_t offset, std::span<char> buffer) const {
  const auto got = read_piece(offset, buffer);
  if (seen_) seen_(offset + got);
  return got;
}

std::size_t BlobSource::read_piece(std::uint64_t offset, std::span<char> buffer) const {
  auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size_ - std::min(offset, size_)));
  if (bytes_) return bytes_->copy(buffer.data(), wanted, static_cast<std::size_t>(std::min(offset, size_)));
  if (wanted == 0) return 0;
  ssize_t got = -1;
  do {
    got = ::pread(file_->get(), buffer.data(), wanted, static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  if (got < 0) throw StoreError(errno_message(fmt::format("cannot read \"{}\"", label_), errno));
  if (got == 0) throw StoreError(fmt::format("\"{}\" became shorter while it was read", label_));
  return static_cast<std::size_t>(got);
}

}  // namespace karapace::oci
