// SPDX-License-Identifier: Apache-2.0
// ImageTransfers: blobs of images for the downloads of one build, from registries and from files (remote/oci).
//
// A registry may ask for a login, a token of another server, patience: several requests, one after the other. So each
// transfer has a thread of its own, and all of one repository share its connections and tokens.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/fd.hpp"
#include "remote/oci/image_repository.hpp"
#include "remote/transfer_message.hpp"

namespace karapace::remote {

class ImageTransfers {
 public:
  /// `ended` is called from the thread of each that is done.
  explicit ImageTransfers(std::function<void()> ended) : ended_(std::move(ended)) {}
  /// Waits for those that are under way to notice that nobody reads them.
  ~ImageTransfers();
  ImageTransfers(const ImageTransfers&) = delete;
  ImageTransfers& operator=(const ImageTransfers&) = delete;

  /// What the request names goes to the connection, until that is closed or `end` was sent.
  void begin(Fd connection, TransferRequest request);
  bool empty() const noexcept { return transfers_.empty(); }
  /// Tells those who wait that they need not give up.
  void tick();
  /// The connections whose requests are done: others may follow.
  std::list<Fd> take_done();

 private:
  struct Transfer {
    Fd connection;
    TransferRequest request;
    std::chrono::steady_clock::time_point said = std::chrono::steady_clock::now();
    std::atomic<bool> is_done = false;
    std::atomic<bool> is_unwanted = false;
    std::thread thread = {};
  };
  std::shared_ptr<oci::ImageRepository> repository(const std::string& place, const TransferOptions& options);
  void run(Transfer& transfer);
  void send_blob(Transfer& transfer);

  std::function<void()> ended_;
  std::list<Transfer> transfers_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<oci::ImageRepository>> repositories_;
};

}  // namespace karapace::remote
