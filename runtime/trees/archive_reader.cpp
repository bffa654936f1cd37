// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/archive_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <locale.h>
#include <lzma.h>

#include "base/error.hpp"
#include "base/parallel.hpp"

namespace karapace::trees {

namespace {

constexpr std::uint64_t most_memory = std::uint64_t{1} << 30;  // as libarchive
constexpr std::uint64_t most_for_threads = std::uint64_t{256} << 20;
constexpr unsigned most_threads = 4;  // more gain little, and many packages are unpacked at once

/// Beyond this fewer threads are used. ninja unpacks as many packages at once as there are processors.
std::uint64_t memory_for_threads() {
  const auto share = ::lzma_physmem() / (4 * std::uint64_t{available_threads()});
  return share == 0 ? most_for_threads : std::min(share, most_for_threads);
}

const char* reason(lzma_ret result) {
  switch (result) {
    case LZMA_MEMLIMIT_ERROR: return "it needs too much memory";
    case LZMA_BUF_ERROR: return "truncated input";
    case LZMA_FORMAT_ERROR: return "it is not an xz file";
    case LZMA_OPTIONS_ERROR: return "its compression is not supported";
    default: return "corrupted input data";
  }
}

/// libarchive turns the UTF-8 names of pax archives into the locale's, and composes their accents on the way: two files
/// would become one. In the C locale it can convert nothing but ASCII, and keeps the bytes as they are.
class CLocale {
 public:
  CLocale() : c_(::newlocale(LC_CTYPE_MASK, "C", nullptr)), before_(::uselocale(c_)) {}
  ~CLocale() {
    ::uselocale(before_);
    ::freelocale(c_);
  }
  CLocale(const CLocale&) = delete;
  CLocale& operator=(const CLocale&) = delete;

 private:
  locale_t c_;
  locale_t before_;
};

/// libarchive's warnings that lose nothing: the bytes of a name that can not be converted are kept (see CLocale). All
/// others lose something: extended headers that are left out, sparse maps that are not understood, too many headers.
bool is_harmless(std::string_view warning) {
  return warning.ends_with("can't be converted from UTF-8 to current locale.");
}

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

ArchiveReader::ArchiveReader(ArchiveFormat format, ByteSource source, std::string label, Compression compression)
    : source_(std::make_unique<Source>()), archive_(archive_read_new()), label_(std::move(label)) {
  source_->bytes = std::move(source);
  if (format == ArchiveFormat::deb) {
    archive_read_support_format_ar(archive_);
  } else {
    archive_read_support_format_tar(archive_);
    for (const auto& filter : filters)
      if (compression == Compression::by_content || compression == filter.compression) filter.support(archive_);
  }
  const bool is_open = archive_read_open(archive_, source_.get(), nullptr, &Source::read, nullptr) == ARCHIVE_OK;
  if (is_open && is_compressed(archive_, compression)) return;
  std::string reason = archive_error_string(archive_) ? archive_error_string(archive_) : "unknown format";
  if (is_open) reason = "it is not compressed as its name says, or more than once";
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
  const CLocale bytes_stay;
  archive_entry* entry = nullptr;
  int result = archive_read_next_header(archive_, &entry);
  if (result == ARCHIVE_EOF) return nullptr;
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) fail();
  if (result == ARCHIVE_WARN) require_harmless_warning();
  return entry;
}

void ArchiveReader::require_harmless_warning() const {
  const char* text = archive_error_string(archive_);
  const std::string_view warning = text ? text : "an extended header is not understood";
  if (is_harmless(warning)) return;
  throw StepError(fmt::format("{}: refused: it can not be read exactly: {}", label_, warning));
}

std::uint64_t ArchiveReader::position() const noexcept {
  return static_cast<std::uint64_t>(std::max<la_int64_t>(archive_filter_bytes(archive_, 0), 0));
}

std::size_t ArchiveReader::read(std::span<char> buffer) {
  la_ssize_t count = archive_read_data(archive_, buffer.data(), buffer.size());
  if (count < 0) fail();
  return static_cast<std::size_t>(count);
}

struct XzReader::State {
  ByteSource source;
  std::string label;
  lzma_stream stream = LZMA_STREAM_INIT;
  std::vector<char> input = std::vector<char>(256 * 1024);
  bool input_ended = false;
  bool ended = false;

  [[noreturn]] void fail(lzma_ret result) const {
    if (result == LZMA_MEM_ERROR)
      throw StepError(fmt::format(
          "{}: cannot be unpacked: this machine has no memory left, or no more threads are allowed", label));
    throw StepError(fmt::format("{}: the archive is damaged: {}", label, reason(result)));
  }

  void refill() {
    auto count = source(input);
    stream.next_in = reinterpret_cast<const std::uint8_t*>(input.data());
    stream.avail_in = count;
    input_ended = count == 0;
  }
};

XzReader::XzReader(ByteSource source, std::string label) : state_(std::make_unique<State>()) {
  state_->source = std::move(source);
  state_->label = std::move(label);
  lzma_mt options{};
  options.flags = LZMA_CONCATENATED;
  options.threads = std::min(most_threads, available_threads());
  options.memlimit_threading = memory_for_threads();
  options.memlimit_stop = most_memory;
  if (auto result = lzma_stream_decoder_mt(&state_->stream, &options); result != LZMA_OK) state_->fail(result);
}

XzReader::~XzReader() { lzma_end(&state_->stream); }

std::size_t XzReader::read(std::span<char> buffer) {
  auto& stream = state_->stream;
  stream.next_out = reinterpret_cast<std::uint8_t*>(buffer.data());
  stream.avail_out = buffer.size();
  while (!state_->ended && stream.avail_out > 0) {
    if (stream.avail_in == 0 && !state_->input_ended) state_->refill();
    auto result = lzma_code(&stream, state_->input_ended ? LZMA_FINISH : LZMA_RUN);
    state_->ended = result == LZMA_STREAM_END;
    if (result != LZMA_OK && result != LZMA_STREAM_END) state_->fail(result);
  }
  return buffer.size() - stream.avail_out;
}

}  // namespace karapace::trees
