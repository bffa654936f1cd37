// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/decompressor.hpp"

#include <cerrno>
#include <exception>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "base/error.hpp"

namespace karapace::trees {

namespace {

struct Filter {
  Compression compression;
  int code;
  int (*support)(struct archive*);
};
constexpr Filter filters[] = {
    {Compression::gzip, ARCHIVE_FILTER_GZIP, archive_read_support_filter_gzip},
    {Compression::xz, ARCHIVE_FILTER_XZ, archive_read_support_filter_xz},
    {Compression::zstd, ARCHIVE_FILTER_ZSTD, archive_read_support_filter_zstd},
    {Compression::bzip2, ARCHIVE_FILTER_BZIP2, archive_read_support_filter_bzip2},
    {Compression::lzma, ARCHIVE_FILTER_LZMA, archive_read_support_filter_lzma},
};

/// libarchive reads what none of its filters claims as it is, and what one claims again and again.
bool is_compressed(struct archive* archive, Compression compression) {
  if (compression == Compression::by_content) return archive_filter_count(archive) <= 2;
  int wanted = ARCHIVE_FILTER_NONE;
  for (const auto& filter : filters)
    if (filter.compression == compression) wanted = filter.code;
  const int count = wanted == ARCHIVE_FILTER_NONE ? 1 : 2;  // the last is the bytes as they come
  return archive_filter_count(archive) == count && archive_filter_code(archive, 0) == wanted;
}

}  // namespace

// libarchive is C: an exception of the byte source is kept here while control passes through it.
struct Decompressor::Source {
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

Decompressor::Decompressor(ByteSource source, std::string label, Compression compression)
    : source_(std::make_unique<Source>()), archive_(archive_read_new()), label_(std::move(label)) {
  source_->bytes = std::move(source);
  archive_read_support_format_raw(archive_);
  for (const auto& filter : filters)
    if (compression == Compression::by_content || compression == filter.compression) filter.support(archive_);
  archive_entry* entry = nullptr;
  const bool is_open = archive_read_open(archive_, source_.get(), nullptr, &Source::read, nullptr) == ARCHIVE_OK;
  const bool fits = is_open && is_compressed(archive_, compression);
  if (fits && archive_read_next_header(archive_, &entry) == ARCHIVE_OK) return;
  std::string reason = archive_error_string(archive_) ? archive_error_string(archive_) : "unknown format";
  if (is_open && !fits) reason = "it is not compressed as its name says, or more than once";
  archive_read_free(archive_);
  if (source_->error) std::rethrow_exception(source_->error);
  throw StepError(fmt::format("{}: not a readable archive: {}", label_, reason));
}

Decompressor::~Decompressor() { archive_read_free(archive_); }

std::size_t Decompressor::read(std::span<char> buffer) {
  const auto count = archive_read_data(archive_, buffer.data(), buffer.size());
  if (count >= 0) return static_cast<std::size_t>(count);
  if (source_->error) std::rethrow_exception(source_->error);
  const char* reason = archive_error_string(archive_);
  throw StepError(fmt::format("{}: the archive is damaged: {}", label_, reason ? reason : "unexpected end"));
}

}  // namespace karapace::trees
