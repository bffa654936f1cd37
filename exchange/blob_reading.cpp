// SPDX-License-Identifier: Apache-2.0
#include "exchange/blob_reading.hpp"

#include <array>
#include <cerrno>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/call_error.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "runtime/steps/archive_layer.hpp"
#include "runtime/trees/decompressor.hpp"

namespace karapace::exchange {

std::size_t read_some(int file, std::span<char> buffer, const std::string& label) {
  for (;;) {
    const auto count = ::read(file, buffer.data(), buffer.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) throw CallError("cannot read " + label, errno);
  }
}

namespace {

/// Of what comes out of a pipe, after decompression; the pipe is read to its end whatever is in it, for who writes into
/// it waits for that.
class DiffId {
 public:
  DiffId(oci::Algorithm algorithm, std::uint64_t limit, std::string label)
      : hasher_(algorithm), limit_(limit), label_(std::move(label)) {}

  void read(int pipe) noexcept {
    std::vector<char> buffer(256 * 1024);
    try {
      hash(pipe, buffer);
    } catch (const std::exception& error) {
      problem_ = error.what();
    }
    while (::read(pipe, buffer.data(), buffer.size()) > 0) {
    }
  }

  oci::ContentDigest finish() {
    if (!problem_.empty()) throw RemoteError(problem_);
    return hasher_.finish();
  }

 private:
  void hash(int pipe, std::span<char> buffer) {
    trees::Decompressor decompressor([&](std::span<char> more) { return read_some(pipe, more, label_); }, label_,
                                     trees::Compression::by_content);
    std::uint64_t size = 0;
    while (const auto count = decompressor.read(buffer)) {
      size += count;
      if (size > limit_)
        throw RemoteError(fmt::format("{} unpacks to more than {} bytes (KARAPACE_UNPACK_LIMIT)", label_, limit_));
      hasher_.update({buffer.data(), count});
    }
  }

  oci::ContentHasher hasher_;
  std::uint64_t limit_;
  std::string label_;
  std::string problem_;
};

}  // namespace

void read_to_the_end(oci::ImageRepository& repository, const oci::Descriptor& blob, const Seen& seen) {
  std::uint64_t position = 0;
  repository.read_blob(blob, [&](std::string_view bytes) { seen(position += bytes.size()); });
}

oci::ContentDigest diff_id_of(oci::ImageRepository& repository, const oci::Descriptor& blob, oci::Algorithm algorithm,
                              const Seen& seen) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw CallError("cannot make a pipe", errno);
  const Fd out(ends[0]);
  Fd in(ends[1]);
  DiffId diff_id(algorithm, steps::unpack_limit(), "the blob " + blob.digest.text());
  std::thread reader([&] { diff_id.read(out.get()); });
  try {
    std::uint64_t position = 0;
    repository.read_blob(blob, [&](std::string_view bytes) {
      write_all(in.get(), bytes, "a pipe");
      seen(position += bytes.size());
    });
  } catch (...) {
    in.reset();
    reader.join();
    throw;
  }
  in.reset();
  reader.join();
  return diff_id.finish();
}

}  // namespace karapace::exchange
