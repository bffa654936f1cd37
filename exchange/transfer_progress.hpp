// SPDX-License-Identifier: Apache-2.0
// TransferProgress: how far several transfers are together, in bytes, for people.
//
//   karapace: sending: 3 of 7 blobs, 412.0 MiB of 1.1 GiB, 38.2 MiB/s
//
// On a terminal one line that is written anew and gone in the end; elsewhere a line now and then while it takes long,
// none for what is done in a moment.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace karapace::exchange {

/// Where it is told, and how often.
struct ProgressOutput {
  int fd;
  bool is_terminal;
  std::chrono::milliseconds every;
  /// Standard error: five times a second on a terminal, else every ten seconds.
  static ProgressOutput standard();
};

class TransferProgress {
 public:
  /// `label`: what is done, "sending"; "": nothing is told. `noun`: what is transferred, "layer".
  TransferProgress(std::string label, std::string noun, ProgressOutput output = ProgressOutput::standard());
  ~TransferProgress();
  TransferProgress(const TransferProgress&) = delete;
  TransferProgress& operator=(const TransferProgress&) = delete;

  /// One more that is to be transferred, before any begins. Its number.
  std::size_t add(std::uint64_t size);
  // From any thread.
  /// So much of it is there; less than before when it had to begin again.
  void at(std::size_t number, std::uint64_t position);
  void end(std::size_t number);
  /// It needs not be transferred: it is there.
  void leave_out(std::size_t number);
  /// `at` of this one.
  std::function<void(std::uint64_t)> watcher(std::size_t number);

  /// "sending: 3 of 7 blobs, 412.0 MiB of 1.1 GiB, 38.2 MiB/s", this long after the beginning.
  std::string text(std::chrono::milliseconds passed) const;

 private:
  struct Item {
    std::uint64_t size = 0;
    std::uint64_t position = 0;
    bool is_done = false;
    bool is_left_out = false;
  };
  void tell_from_time_to_time();
  void tell();

  std::string label_;
  std::string noun_;
  ProgressOutput output_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  bool is_ended_ = false;
  bool has_told_ = false;
  std::vector<Item> items_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::thread teller_;
};

}  // namespace karapace::exchange
