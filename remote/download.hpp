// SPDX-License-Identifier: Apache-2.0
// Download: bytes of a known digest, from whichever place answers first, into the store.
//
// Every location is asked in order; one that fails for good is not asked again, one that was interrupted is, after a
// pause, for `retries` more rounds. What arrived before a cut is kept and continued with Range, also at another mirror;
// when bytes put together from several answers turn out wrong, the download starts again from nothing. A blob appears
// in the store whole and verified, or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "remote/sources.hpp"
#include "store/staging.hpp"
#include "store/step.hpp"
#include "store/store.hpp"

namespace karapace::remote {

struct DownloadRequest {
  std::string title;                   // for messages: "git 2.39.5-0+deb12u2"
  std::vector<std::string> locations;  // http(s) and file: URLs, absolute paths
  std::optional<Sha256> sha256;        // at least one of the two digests
  std::optional<BlobId> blake3;
  std::uint64_t size = 0;  // exact; not a byte more is taken
  TransferOptions options;
};

/// RemoteError that lists what every location answered; StoreError when the store can not be written.
BlobOutput download(const store::Store& store, const DownloadRequest& request);
/// The same in the caller's staging directory: gc keeps the blob while that lives, so a record can still be written.
BlobOutput download(const store::Store& store, const DownloadRequest& request, const store::Staging& staging);

/// What arrived so far of a fetch step, in its staging directory.
constexpr const char* download_name = "download";
/// The fetch steps that are under way in the store, and how many bytes each has: for who tells of progress.
std::map<StepKey, std::uint64_t> downloads_under_way(const store::Store& store);

// Plain download: a URL's bytes into a file, when neither their size nor where they belong is known yet.
//
// Used when a base archive is locked for the first time: its size becomes known by having it. The caller verifies the
// digest.

/// Replaces `path`, which exists only when everything arrived. RemoteError naming the URL and what went wrong.
void download_plain(const std::string& url, const std::filesystem::path& path, const TransferOptions& options);

}  // namespace karapace::remote
