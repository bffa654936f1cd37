// SPDX-License-Identifier: Apache-2.0
// Chunk n lies in slot n modulo the number of slots. Some threads compress, one hashes the stream, one writes the file:
// each takes the chunks in order, and a slot is free again when its chunk was hashed and written. A chunk is 2 MiB, so
// one lock and one condition for everything cost nothing beside the work.
#include "runtime/trees/chunked_compressor.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "remote/sha256.hpp"

namespace karapace::trees {

namespace {

// These decide the bytes: whoever changes one raises the rules of `pack`.
constexpr std::size_t chunk_size = std::size_t{2} << 20;
constexpr int zstd_level = 3;
constexpr int gzip_level = 6;

constexpr unsigned most_threads = 8;  // of 6 MiB each

constexpr std::string_view gzip_header("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);  // no time, no name, any system
constexpr std::string_view empty_last_block("\x03\0", 2);

struct Compressed {
  std::string_view bytes;
  std::uint32_t crc = 0;  // of what was compressed; gzip only
};

class Compressor {
 public:
  Compressor() = default;
  virtual ~Compressor() = default;
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;
  virtual Compressed compress(std::string_view chunk, std::span<char> room) = 0;
};

class ZstdCompressor : public Compressor {
 public:
  ZstdCompressor() : context_(::ZSTD_createCCtx()) {
    require(::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, zstd_level));
    require(::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1));
  }
  Compressed compress(std::string_view chunk, std::span<char> room) override {
    const auto size = require(::ZSTD_compress2(context_.get(), room.data(), room.size(), chunk.data(), chunk.size()));
    return {{room.data(), size}, 0};
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const noexcept { ::ZSTD_freeCCtx(context); }
  };
  static std::size_t require(std::size_t result) {
    if (::ZSTD_isError(result) == 0) return result;
    throw StoreError(fmt::format("zstd says: {}", ::ZSTD_getErrorName(result)));
  }
  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

class GzipCompressor : public Compressor {
 public:
  GzipCompressor() {
    constexpr int raw_window = -15, memory = 8;
    if (::deflateInit2(&stream_, gzip_level, Z_DEFLATED, raw_window, memory, Z_DEFAULT_STRATEGY) != Z_OK)
      throw StoreError("zlib can not be prepared: not enough memory");
  }
  ~GzipCompressor() override { ::deflateEnd(&stream_); }

  /// Ends at a whole byte with an empty block (Z_SYNC_FLUSH), so that the next chunk's blocks can follow.
  Compressed compress(std::string_view chunk, std::span<char> room) override {
    ::deflateReset(&stream_);
    const auto* bytes = reinterpret_cast<const Bytef*>(chunk.data());
    stream_.next_in = const_cast<Bytef*>(bytes);
    stream_.avail_in = static_cast<uInt>(chunk.size());
    stream_.next_out = reinterpret_cast<Bytef*>(room.data());
    stream_.avail_out = static_cast<uInt>(room.size());
    if (::deflate(&stream_, Z_SYNC_FLUSH) != Z_OK || stream_.avail_in != 0 || stream_.avail_out == 0)
      throw StoreError("zlib does not compress");
    return {{room.data(), room.size() - stream_.avail_out},
            static_cast<std::uint32_t>(::crc32(0, bytes, static_cast<uInt>(chunk.size())))};
  }

 private:
  z_stream stream_{};
};

std::size_t room_for_compressed() {
  const auto deflated = static_cast<std::size_t>(::compressBound(chunk_size)) + chunk_size / 1024 + 64;
  return std::max(::ZSTD_compressBound(chunk_size), deflated);
}

std::string little_endian(std::uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

// Not zeroed: what no byte is put into costs nothing.
struct Slot {
  std::unique_ptr<char[]> bytes = std::make_unique_for_overwrite<char[]>(chunk_size);
  std::unique_ptr<char[]> room = std::make_unique_for_overwrite<char[]>(room_for_compressed());
  std::size_t size = 0;
  Compressed compressed{};
  bool is_compressed = false;
};

}  // namespace

std::string_view text(BlobCompression compression) noexcept {
  return compression == BlobCompression::zstd ? "zstd" : "gzip";
}

std::optional<BlobCompression> blob_compression_from(std::string_view word) noexcept {
  for (const auto compression : {BlobCompression::zstd, BlobCompression::gzip})
    if (word == text(compression)) return compression;
  return std::nullopt;
}

class ChunkedCompressor::Work {
 public:
  Work(int output, BlobCompression compression, unsigned threads, std::string label)
      : output_(output), compression_(compression), label_(std::move(label)) {
    const auto workers = std::clamp(threads, 1U, most_threads);
    slots_.resize(workers + 2);
    if (compression_ == BlobCompression::gzip) put(gzip_header);
    try {
      for (unsigned i = 0; i < workers; ++i) begin([this] { compress_chunks(); });
      begin([this] { hash_chunks(); });
      begin([this] { write_chunks(); });
    } catch (...) {
      end();  // those that began wait for work
      throw;
    }
  }
  ~Work() { end(); }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  std::span<char> space() {
    auto& slot = slots_[filled_ % slots_.size()];
    if (used_ == 0) wait_for_slot();
    return {slot.bytes.get() + used_, chunk_size - used_};
  }

  void advance(std::size_t count) {
    used_ += count;
    if (used_ == chunk_size) submit();
  }

  CompressedFile finish() {
    if (used_ > 0) submit();
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return failure_ || (hashed_ == filled_ && written_ == filled_); });
    }
    end();
    if (failure_) std::rethrow_exception(failure_);
    if (compression_ == BlobCompression::gzip) {
      put(empty_last_block);
      put(little_endian(crc_));
      put(little_endian(stream_size_));
    }
    return {BlobId(blake3_.finish()), sha256_.finish(), size_, stream_sha256_.finish(), stream_size_};
  }

 private:
  void wait_for_slot() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failure_ || filled_ < std::min(hashed_, written_) + slots_.size(); });
    if (failure_) std::rethrow_exception(failure_);
  }

  void submit() {
    {
      std::lock_guard guard(mutex_);
      auto& slot = slots_[filled_ % slots_.size()];
      slot.size = used_;
      slot.is_compressed = false;
      ++filled_;
    }
    used_ = 0;
    changed_.notify_all();
  }

  template <class Run>
  void begin(Run run) {
    threads_.emplace_back([this, run] {
      try {
        run();
      } catch (...) {
        {
          std::lock_guard guard(mutex_);
          if (!failure_) failure_ = std::current_exception();
        }
        changed_.notify_all();
      }
    });
  }

  void end() {
    {
      std::lock_guard guard(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
    threads_.clear();  // joins
  }

  /// Waits until `is_ready`; false when there is nothing more to do.
  template <class IsReady>
  bool wait_for(std::unique_lock<std::mutex>& lock, IsReady is_ready) {
    changed_.wait(lock, [&] { return failure_ || is_over_ || is_ready(); });
    return !failure_ && is_ready();
  }

  void compress_chunks() {
    std::unique_ptr<Compressor> compressor;  // made for the first chunk: many layers have one
    for (;;) {
      Slot* slot = nullptr;
      {
        std::unique_lock lock(mutex_);
        if (!wait_for(lock, [&] { return claimed_ < filled_; })) return;
        slot = &slots_[claimed_++ % slots_.size()];
      }
      if (!compressor && compression_ == BlobCompression::zstd) compressor = std::make_unique<ZstdCompressor>();
      if (!compressor) compressor = std::make_unique<GzipCompressor>();
      slot->compressed =
          compressor->compress({slot->bytes.get(), slot->size}, {slot->room.get(), room_for_compressed()});
      {
        std::lock_guard guard(mutex_);
        slot->is_compressed = true;
      }
      changed_.notify_all();
    }
  }

  void hash_chunks() {
    for (;;) {
      const Slot* slot = nullptr;
      {
        std::unique_lock lock(mutex_);
        if (!wait_for(lock, [&] { return hashed_ < filled_; })) return;
        slot = &slots_[hashed_ % slots_.size()];
      }
      stream_sha256_.update({slot->bytes.get(), slot->size});
      {
        std::lock_guard guard(mutex_);
        ++hashed_;
      }
      changed_.notify_all();
    }
  }

  void write_chunks() {
    for (;;) {
      const Slot* slot = nullptr;
      {
        std::unique_lock lock(mutex_);
        const auto is_next_ready = [&] { return written_ < filled_ && slots_[written_ % slots_.size()].is_compressed; };
        if (!wait_for(lock, is_next_ready)) return;
        slot = &slots_[written_ % slots_.size()];
      }
      put(slot->compressed.bytes);
      if (compression_ == BlobCompression::gzip)
        crc_ =
            static_cast<std::uint32_t>(::crc32_combine(crc_, slot->compressed.crc, static_cast<z_off_t>(slot->size)));
      stream_size_ += slot->size;
      {
        std::lock_guard guard(mutex_);
        ++written_;
      }
      changed_.notify_all();
    }
  }

  void put(std::string_view bytes) {
    write_all(output_, bytes, label_);
    blake3_.update(bytes);
    sha256_.update(bytes);
    size_ += bytes.size();
  }

  int output_;
  BlobCompression compression_;
  std::string label_;
  std::size_t used_ = 0;  // of the slot that is being filled

  std::mutex mutex_;  // of what follows up to failure_
  std::condition_variable changed_;
  std::size_t filled_ = 0;  // chunks
  std::size_t claimed_ = 0;
  std::size_t hashed_ = 0;
  std::size_t written_ = 0;
  bool is_over_ = false;
  std::exception_ptr failure_;

  remote::Sha256Hasher stream_sha256_;  // of the thread that hashes
  Blake3 blake3_;                       // what follows: of the thread that writes
  remote::Sha256Hasher sha256_;
  std::uint64_t size_ = 0;
  std::uint64_t stream_size_ = 0;
  std::uint32_t crc_ = 0;
  std::vector<Slot> slots_;
  std::vector<std::jthread> threads_;
};

ChunkedCompressor::ChunkedCompressor(int output, BlobCompression compression, unsigned threads, std::string label)
    : work_(std::make_unique<Work>(output, compression, threads, std::move(label))) {}
ChunkedCompressor::~ChunkedCompressor() = default;

void ChunkedCompressor::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto room = space();
    const auto count = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), count);
    advance(count);
    bytes.remove_prefix(count);
  }
}

std::span<char> ChunkedCompressor::space() { return work_->space(); }
void ChunkedCompressor::advance(std::size_t count) { work_->advance(count); }
CompressedFile ChunkedCompressor::finish() { return work_->finish(); }

}  // namespace karapace::trees
