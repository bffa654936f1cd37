// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/xz_reader.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
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

}  // namespace

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
