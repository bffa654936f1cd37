// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/changes_archive.hpp"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zstd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "runtime/trees/file_metadata.hpp"
#include "store/listing.hpp"
#include "store/pax_writer.hpp"

namespace karapace::trees {

namespace {

/// Compresses what it is given into a file. By one thread: with several, the bytes would tell how many.
class Compressor {
 public:
  Compressor(int output, const std::string& label) : output_(output), label_(label), context_(::ZSTD_createCCtx()) {
    constexpr int level = 6;
    require(::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level));
    require(::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1));
  }

  void write(std::string_view bytes) {
    ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
    while (input.pos < input.size) step(input, ZSTD_e_continue);
  }
  void finish() {
    ZSTD_inBuffer input{nullptr, 0, 0};
    while (step(input, ZSTD_e_end) != 0) {
    }
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const noexcept { ::ZSTD_freeCCtx(context); }
  };

  std::size_t require(std::size_t result) const {
    if (::ZSTD_isError(result) == 0) return result;
    throw StoreError(fmt::format("{}: cannot compress: {}", label_, ::ZSTD_getErrorName(result)));
  }
  std::size_t step(ZSTD_inBuffer& input, ZSTD_EndDirective directive) {
    ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
    const auto rest = require(::ZSTD_compressStream2(context_.get(), &out, &input, directive));
    write_all(output_, {buffer_.data(), out.pos}, label_ + ": the archive");
    return rest;
  }

  int output_;
  const std::string& label_;
  std::unique_ptr<ZSTD_CCtx, Free> context_;
  std::vector<char> buffer_ = std::vector<char>(::ZSTD_CStreamOutSize());
};

class Packing {
 public:
  explicit Packing(const PackRequest& request)
      : request_(request),
        compressor_(request.output, request.label),
        archive_([this](std::string_view bytes) { compressor_.write(bytes); }, store::PaxWriter::Dialect::libarchive) {}

  void run() {
    for (const auto& entry : request_.listing.entries()) pack(entry);
    archive_.finish();
    compressor_.finish();
  }

 private:
  void pack(store::Entry entry) {
    entry.mtime = nearest_time(entry.mtime);
    entry.nanoseconds = 0;
    try {
      archive_.add(entry);
    } catch (const StepError& error) {
      throw StepError(fmt::format("{}: \"/{}\" {}", request_.label, escaped_utf8(entry.path), error.what()));
    }
    if (entry.type == store::EntryType::regular) append_content(entry);
  }

  [[noreturn]] void fail_changed(const store::Entry& entry) const {
    throw StoreError(fmt::format("{}: \"/{}\" changed while it was read; end what writes to it and try again",
                                 request_.label, escaped_utf8(entry.path)));
  }

  void append_content(const store::Entry& entry) {
    auto file = open_regular(request_.tree, entry.path, Links::refused);
    if (!file) fail_changed(entry);
    Blake3 hasher;
    std::uint64_t size = 0;
    std::string looked_at;
    const bool is_looked_at = request_.look && entry.size <= largest_looked_at;
    while (const auto count = read(file->get(), entry)) {
      const std::string_view bytes(buffer_.data(), count);
      hasher.update(bytes);
      size += count;
      if (size > entry.size) fail_changed(entry);
      if (is_looked_at) looked_at += bytes;
      archive_.append(bytes);
    }
    if (size != entry.size || hasher.finish() != entry.content) fail_changed(entry);
    archive_.end_content(size);
    if (is_looked_at) request_.look(entry, looked_at);
  }

  std::size_t read(int file, const store::Entry& entry) {
    for (;;) {
      const auto count = ::read(file, buffer_.data(), buffer_.size());
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR)
        throw StoreError(
            errno_message(fmt::format("{}: cannot read \"/{}\"", request_.label, escaped_utf8(entry.path)), errno));
    }
  }

  const PackRequest& request_;
  Compressor compressor_;
  store::PaxWriter archive_;
  std::vector<char> buffer_ = std::vector<char>(256 * 1024);
};

}  // namespace

void pack_changes(const PackRequest& request) { Packing(request).run(); }

}  // namespace karapace::trees
