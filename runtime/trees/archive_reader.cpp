// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/archive_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <optional>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <locale.h>
#include <lzma.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/parallel.hpp"
#include "runtime/trees/tar_headers.hpp"

namespace karapace::trees {

namespace {

constexpr std::uint64_t most_memory = std::uint64_t{1} << 30;
constexpr std::uint64_t most_for_threads = std::uint64_t{44} << 20;
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
/// Of a zip archive it keeps no name that it can not convert: there it is given UTF-8.
class NamesLocale {
 public:
  explicit NamesLocale(const char* name)
      : names_(::newlocale(LC_CTYPE_MASK, name, nullptr)), before_(names_ ? ::uselocale(names_) : nullptr) {}
  ~NamesLocale() {
    if (!names_) return;
    ::uselocale(before_);
    ::freelocale(names_);
  }
  NamesLocale(const NamesLocale&) = delete;
  NamesLocale& operator=(const NamesLocale&) = delete;

 private:
  locale_t names_;
  locale_t before_;
};

/// libarchive's warnings that lose nothing: the bytes of a name that can not be converted are kept (see NamesLocale).
/// All others lose something: extended headers that are left out, sparse maps that are not understood, too many
/// headers.
bool is_harmless(std::string_view warning) {
  return warning.ends_with("can't be converted from UTF-8 to current locale.");
}

void require_old_types(std::string_view types) {
  const auto is_own = [](char type) { return type == '\0' || (type >= '0' && type <= '6'); };
  const auto before = types.substr(0, types.size() - 1);
  auto odd = before.find_first_not_of("LK");
  if (odd == types.npos && !is_own(types.back())) odd = types.size() - 1;
  if (odd == types.npos) return;
  throw StepError(fmt::format("it has a header of type '{}', and only ustar's and GNU's long names are taken here",
                              escaped_utf8(types.substr(odd, 1))));
}

std::string beginning_of_path(std::string_view path) {
  constexpr std::size_t shown = 80;
  return escaped_utf8(path.substr(0, shown)) + (path.size() > shown ? "..." : "");
}

}  // namespace

// libarchive is C: an exception of the byte source is kept here while control passes through it.
struct ArchiveReader::Source {
  std::optional<Decompressor> decompressor;
  std::optional<RecentBytes> bytes;
  std::exception_ptr error;

  ZipFile file{-1};
  la_int64_t offset = 0;
  std::vector<char> block;

  Source(ByteSource source, const std::string& label, Compression compression) {
    if (compression != Compression::none) {
      decompressor.emplace(std::move(source), label, compression);
      source = [this](std::span<char> buffer) { return decompressor->read(buffer); };
    }
    bytes.emplace(std::move(source));
  }
  explicit Source(ZipFile zip) : file(zip) {}

  static la_ssize_t read(struct archive* handle, void* self, const void** block) {
    auto* source = static_cast<Source*>(self);
    try {
      const auto bytes = source->bytes->next_block();
      *block = bytes.data();
      return static_cast<la_ssize_t>(bytes.size());
    } catch (...) {
      source->error = std::current_exception();
      archive_set_error(handle, EIO, "cannot read the input");
      return ARCHIVE_FATAL;
    }
  }

  static la_ssize_t read_file(struct archive* handle, void* self, const void** block) {
    auto* source = static_cast<Source*>(self);
    constexpr std::size_t block_size = 64 * 1024;
    source->block.resize(block_size);
    const auto count = ::pread(source->file.fd, source->block.data(), block_size, source->offset);
    if (count < 0) {
      archive_set_error(handle, errno, "cannot read the input");
      return ARCHIVE_FATAL;
    }
    *block = source->block.data();
    source->offset += count;
    return count;
  }

  static la_int64_t seek(struct archive*, void* self, la_int64_t offset, int whence) {
    auto* source = static_cast<Source*>(self);
    struct stat status{};
    if (::fstat(source->file.fd, &status) != 0) return ARCHIVE_FATAL;
    const la_int64_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? source->offset : la_int64_t{status.st_size};
    source->offset = std::clamp<la_int64_t>(from + offset, 0, status.st_size);
    return source->offset;
  }
};

ArchiveReader::ArchiveReader(ArchiveFormat format, ByteSource source, std::string label, Compression compression)
    : source_(std::make_unique<Source>(std::move(source), label,
                                       format == ArchiveFormat::ar ? Compression::none : compression)),
      format_(format),
      archive_(archive_read_new()),
      label_(std::move(label)) {
  if (format == ArchiveFormat::ar)
    archive_read_support_format_ar(archive_);
  else
    archive_read_support_format_tar(archive_);
  require_open(archive_read_open(archive_, source_.get(), nullptr, &Source::read, nullptr));
}

ArchiveReader::ArchiveReader(ZipFile file, std::string label)
    : source_(std::make_unique<Source>(file)), archive_(archive_read_new()), label_(std::move(label)) {
  archive_read_support_format_zip_seekable(archive_);
  archive_read_set_read_callback(archive_, &Source::read_file);
  archive_read_set_seek_callback(archive_, &Source::seek);
  archive_read_set_callback_data(archive_, source_.get());
  require_open(archive_read_open1(archive_));
}

void ArchiveReader::require_open(int result) {
  if (result == ARCHIVE_OK) return;
  const std::string reason = archive_error_string(archive_) ? archive_error_string(archive_) : "unknown format";
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
  const NamesLocale locale(format_ ? "C" : "C.UTF-8");
  archive_entry* entry = nullptr;
  int result = archive_read_next_header(archive_, &entry);
  if (result == ARCHIVE_EOF) return nullptr;
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) fail();
  if (result == ARCHIVE_WARN) require_harmless_warning();
  if (!format_) require_plain(entry);
  if (format_ && format_ != ArchiveFormat::ar) require_exact(entry, result == ARCHIVE_WARN);
  return entry;
}

void ArchiveReader::require_plain(archive_entry* entry) const {
  if (archive_entry_is_encrypted(entry) == 0) return;
  const char* name = archive_entry_pathname(entry);
  throw StepError(fmt::format("{}: refused: \"{}\" is encrypted", label_, name ? beginning_of_path(name) : ""));
}

void ArchiveReader::require_harmless_warning() const {
  const char* text = archive_error_string(archive_);
  const std::string_view warning = text ? text : "an extended header is not understood";
  if (is_harmless(warning)) return;
  throw StepError(fmt::format("{}: refused: it can not be read exactly: {}", label_, warning));
}

void ArchiveReader::require_exact(archive_entry* entry, bool warned) {
  const auto position = static_cast<std::uint64_t>(archive_read_header_position(archive_));
  try {
    headers_ = read_tar_headers(*source_->bytes, position);
    require_exact(headers_, entry, warned);
  } catch (const StepError& lost) {
    const char* name = archive_entry_pathname(entry);
    throw StepError(fmt::format("{}: refused: \"{}\" can not be read exactly: {}", label_,
                                name ? beginning_of_path(name) : "", lost.what()));
  }
}

void ArchiveReader::require_exact(const TarHeaders& headers, archive_entry* entry, bool warned) const {
  if (format_ == ArchiveFormat::old_tar) require_old_types(headers.types);
  require_nothing_lost(headers, entry, *source_->bytes, warned);
}

const std::string* ArchiveReader::pax_record(std::string_view key) const noexcept {
  const std::string* value = nullptr;
  for (const auto& record : headers_.records)
    if (record.key == key) value = &record.value;
  return value;
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

XzReader::XzReader(ByteSource source, std::string label, Threads threads) : state_(std::make_unique<State>()) {
  state_->source = std::move(source);
  state_->label = std::move(label);
  lzma_mt options{};
  options.flags = LZMA_CONCATENATED;
  options.threads = std::min(most_threads, available_threads());
  options.memlimit_threading = memory_for_threads();
  options.memlimit_stop = most_memory;
  const auto result = threads == Threads::one ? ::lzma_stream_decoder(&state_->stream, most_memory, LZMA_CONCATENATED)
                                              : ::lzma_stream_decoder_mt(&state_->stream, &options);
  if (result != LZMA_OK) state_->fail(result);
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
