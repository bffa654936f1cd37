// SPDX-License-Identifier: Apache-2.0
#include "remote/plain_download.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "remote/transfer_client.hpp"

namespace karapace::remote {

namespace {

constexpr std::uint64_t largest = std::uint64_t{64} << 30;

}  // namespace

void download_plain(const std::string& url, const std::filesystem::path& path) {
  auto unfinished = path;
  unfinished += ".part";
  std::filesystem::remove(unfinished);
  PartialFile file(unfinished, largest, PartialFile::Size::limit);
  TransferOptions options;
  TransferClient client(options);
  Attempt attempt{Attempt::Result::interrupted, {}};
  for (unsigned round = 0; attempt.result == Attempt::Result::interrupted && round <= options.retries; ++round) {
    attempt = client.get(url, file);
  }
  if (attempt.result != Attempt::Result::complete) {
    std::filesystem::remove(unfinished);
    throw RemoteError(fmt::format("cannot download {}: {}", url, attempt.reason));
  }
  std::filesystem::rename(unfinished, path);
}

}  // namespace karapace::remote
