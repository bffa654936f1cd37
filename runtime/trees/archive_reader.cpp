// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/archive_reader.hpp"

#include <cerrno>
#include <exception>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "base/error.hpp"

namespace karapace::trees {

// libarchive is C: an exception of the byte source is kept here while control passes through it.
struct ArchiveReader::Source {
  ByteSource bytes;
  std::vector<char> buffer = std::vector<char>(256 * 1024);
  std::exception_ptr error;

  static la_ssize_t read(struct archive* handle, void* self, const void** block) {
    auto* source = static_cast<Source*>(self);
    *block = source->buffer.data();
    try {
      return static_cast<la_ssize_t>(source->bytes(source->buffer));
    } catch (...) {
      source->error = std::current_exception();
      archive_set_error(handle, EIO, "cannot read the input");
      return ARCHIVE_FATAL;
    }
  }
};

ArchiveReader::ArchiveReader(ArchiveFormat format, ByteSource source, std::string label)
    : source_(std::make_unique<Source>()), archive_(archive_read_new()), label_(std::move(label)) {
  source_->bytes = std::move(source);
  if (format == ArchiveFormat::deb) {
    archive_read_support_format_ar(archive_);
  } else {
    archive_read_support_format_tar(archive_);
    archive_read_support_filter_gzip(archive_);
    archive_read_support_filter_xz(archive_);
    archive_read_support_filter_zstd(archive_);
  }
  if (archive_read_open(archive_, source_.get(), nullptr, &Source::read, nullptr) == ARCHIVE_OK) return;
  std::string reason = archive_error_string(archive_) ? archive_error_string(archive_) : "unknown format";
  archive_read_free(archive_);
  if (source_->error) std::rethrow_exception(source_->error);
  throw StepError(fmt::format("{}: not a readable archive: {}", label_, reason));
}

ArchiveReader::~ArchiveReader() { archive_read_free(archive_); }

void ArchiveReader::fail() const {
  if (source_->error) std::rethrow_exception(source_->error);
  const char* reason = archive_error_string(archive_);
  throw StepError(fmt::format("{}: the archive is damaged: {}", label_, reason ? reason : "unexpected end"));
}

archive_entry* ArchiveReader::next() {
  archive_entry* entry = nullptr;
  int result = archive_read_next_header(archive_, &entry);
  if (result == ARCHIVE_EOF) return nullptr;
  // A warning is, for instance, a name that the locale cannot convert: the bytes are still exact.
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) fail();
  return entry;
}

std::size_t ArchiveReader::read(std::span<char> buffer) {
  la_ssize_t count = archive_read_data(archive_, buffer.data(), buffer.size());
  if (count < 0) fail();
  return static_cast<std::size_t>(count);
}

}  // namespace karapace::trees
