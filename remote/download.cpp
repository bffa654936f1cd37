// SPDX-License-Identifier: Apache-2.0
#include "remote/download.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/regular_file.hpp"
#include "base/words.hpp"
#include "remote/partial_file.hpp"
#include "remote/transfer_client.hpp"
#include "store/staging.hpp"

namespace karapace::remote {

namespace {

/// An interrupted answer that brought this much further does not use up a retry.
constexpr std::uint64_t worthwhile_gain = std::uint64_t{1} << 20;
constexpr std::chrono::milliseconds first_pause{500};
constexpr std::chrono::milliseconds longest_pause{8000};
constexpr std::size_t buffer_size = std::size_t{256} << 10;

Attempt refused(std::string_view reason) { return {Attempt::Result::refused, std::string(reason)}; }

RegularFile open_source(const std::string& source) {
  constexpr std::string_view end_of_directory = "/./";
  auto mark = source.find(end_of_directory);
  if (mark == source.npos) return try_open_regular(AT_FDCWD, source, Links::followed);
  Fd directory(::open(source.substr(0, mark + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return {{}, errno_message("cannot be opened", errno)};
  return try_open_regular(directory.get(), source.substr(mark + end_of_directory.size()), Links::inside);
}

Attempt copy_bytes(int source, PartialFile& file) {
  std::vector<char> buffer(buffer_size);
  for (;;) {
    auto got = ::read(source, buffer.data(), buffer.size());
    if (got == 0) return {Attempt::Result::complete, {}};
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused(errno_message("cannot be read", errno));
    auto room = file.append({buffer.data(), static_cast<std::size_t>(got)});
    if (room == PartialFile::Room::exceeded) return refused("grew while it was read");
  }
}

/// Copies a regular file of exactly the declared size into `file`, from its beginning. It is opened once, and no wait
/// is ever for it. In "DIRECTORY/./NAME" no link in NAME may lead out of DIRECTORY: so `karapace gen` writes the files
/// of a project, whose author need not be trusted.
Attempt copy_local(const std::filesystem::path& source, PartialFile& file) {
  if (file.size() > 0) file.restart();
  auto opened = open_source(source.native());
  if (!opened.refusal.empty()) return refused(opened.refusal);
  if (!opened.fd) return refused(errno_message("cannot be opened", ENOENT));
  struct stat status{};
  if (::fstat(opened.fd->get(), &status) != 0) return refused(errno_message("cannot be read", errno));
  auto size = static_cast<std::uint64_t>(status.st_size);
  if (size != file.declared_size()) return refused(fmt::format("has {} bytes, not {}", size, file.declared_size()));
  return copy_bytes(opened.fd->get(), file);
}

struct Location {
  std::string address;
  bool given_up = false;
  std::string reason;
};

class Download {
 public:
  Download(const std::filesystem::path& store, const DownloadRequest& request, PartialFile& file)
      : store_(store), request_(request), file_(file) {
    for (const auto& address : request.locations) locations_.push_back({address, false, {}});
  }

  FileDigests run() {
    auto pause = first_pause;
    for (unsigned round = 0; round <= request_.options.retries; ++round) {
      if (round > 0) {
        std::this_thread::sleep_for(pause);
        pause = std::min(2 * pause, longest_pause);
      }
      for (auto& location : locations_) {
        if (auto digests = ask(location)) return *digests;
      }
      if (std::all_of(locations_.begin(), locations_.end(), [](const auto& l) { return l.given_up; })) break;
    }
    throw RemoteError(explanation());
  }

 private:
  /// Asks until the answer is complete, or brings nothing worthwhile any more.
  std::optional<FileDigests> ask(Location& location) {
    while (!location.given_up) {
      bool continued = file_.size() > 0;
      auto attempt = transfer(location.address);
      if (attempt.result == Attempt::Result::complete) return judge(location, continued && file_.size() > 0);
      location.reason = attempt.reason;
      location.given_up = attempt.result == Attempt::Result::refused;
      bool gained = file_.size() >= furthest_ + worthwhile_gain;
      furthest_ = std::max(furthest_, file_.size());
      if (!gained) return std::nullopt;
    }
    return std::nullopt;
  }

  Attempt transfer(const std::string& address) {
    if (auto path = local_path(address)) return copy_local(*path, file_);
    if (!address.starts_with("http://") && !address.starts_with("https://") && !names_image_blob(address)) {
      return {Attempt::Result::refused,
              "only http, https and file URLs, absolute paths and blobs of images are understood"};
    }
    if (!client_) client_ = std::make_unique<TransferClient>(request_.options, store_);
    return client_->get(address, file_);
  }

  /// `continued`: the bytes come from more than one answer, so that this location need not be the one at fault.
  std::optional<FileDigests> judge(Location& location, bool continued) {
    if (file_.size() == request_.size) {
      auto digests = file_.finish();
      location.reason = difference(digests);
      if (location.reason.empty()) return digests;
    } else {
      location.reason = fmt::format("ended after {} of {} bytes", file_.size(), request_.size);
    }
    location.given_up = !continued;
    file_.restart();
    return std::nullopt;
  }

  std::string difference(const FileDigests& digests) const {
    if (request_.sha256 && digests.sha256 != *request_.sha256) {
      return fmt::format("sent other bytes (sha256 {}, not {})", digests.sha256.hex(), request_.sha256->hex());
    }
    if (request_.blake3 && digests.blake3 != request_.blake3->digest()) {
      return fmt::format("has other bytes (blake3 {}, not {})", digests.blake3.hex(), request_.blake3->hex());
    }
    return {};
  }

  std::string explanation() const {
    if (locations_.empty()) {
      return fmt::format("fetch {}: no mirror is known for it; run karapace gen again or add one to config.toml",
                         request_.title);
    }
    std::vector<std::string> answers;
    for (const auto& location : locations_) {
      answers.push_back(fmt::format("{}: {}", shown_address(location.address), location.reason));
    }
    return fmt::format("fetch {}: {}; {}", request_.title, fmt::join(answers, "; "), remedy());
  }

  std::string_view remedy() const {
    bool gone = std::all_of(locations_.begin(), locations_.end(), [](const Location& location) {
      return location.reason == "HTTP 404" || location.reason == "HTTP 410";
    });
    auto of_graph = (store_ / "graphs").native() + '/';
    if (std::all_of(locations_.begin(), locations_.end(),
                    [&](const auto& l) { return l.address.starts_with(of_graph); }))
      return "run karapace gen, which writes it again";
    if (gone) return "the mirrors no longer have it: karapace lock --upgrade, or add a mirror that keeps old versions";
    return "check the network and the mirrors, then run ninja again";
  }

  const std::filesystem::path& store_;
  const DownloadRequest& request_;
  PartialFile& file_;
  std::vector<Location> locations_;
  std::uint64_t furthest_ = 0;
  std::unique_ptr<TransferClient> client_;
};

constexpr std::uint64_t largest = std::uint64_t{64} << 30;

}  // namespace

BlobOutput download(const store::Store& store, const DownloadRequest& request) {
  return download(store, request, store.stage());
}

BlobOutput download(const store::Store& store, const DownloadRequest& request, const store::Staging& staging) {
  PartialFile file(staging.path() / download_name, request.size);
  auto digests = Download(store.root(), request, file).run();
  BlobOutput output{BlobId(digests.blake3), digests.sha256, request.size};
  store.add_blob(output.blob, file.path());
  return output;
}

void download_plain(const std::string& url, const std::filesystem::path& path, const TransferOptions& options) {
  auto unfinished = path;
  unfinished += ".part";
  std::filesystem::remove(unfinished);
  PartialFile file(unfinished, largest, PartialFile::Size::limit);
  TransferClient client(options);
  Attempt attempt{Attempt::Result::interrupted, {}};
  for (unsigned round = 0; attempt.result == Attempt::Result::interrupted && round <= options.retries; ++round) {
    attempt = client.get(url, file);
  }
  if (attempt.result != Attempt::Result::complete) {
    std::filesystem::remove(unfinished);
    throw RemoteError(fmt::format("cannot download {}: {}", shown_address(url), attempt.reason));
  }
  std::filesystem::rename(unfinished, path);
}

}  // namespace karapace::remote
