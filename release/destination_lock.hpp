// SPDX-License-Identifier: Apache-2.0
// DestinationLock: one at a time switches links and gives build ids at a destination, also over NFS, where flock(2) may
// be missing or hold for one client only.
//
// The lock is a directory of numbered files, of which the highest counts: it says who holds it, or that nobody does.
// Whoever wants it makes the next number with link(2), which only one of all succeeds in, looks whether a higher one
// came meanwhile, and removes the lower ones. So nothing is ever taken away under its holder's name: a holder that was
// given up, because its process is gone or gave no sign of life for long, finds a higher number when it renews.
//
// What is done under it stays right even when a holder that was given up goes on: versions appear by a rename that
// fails where something is, and links by renames of which the last one stands.
#pragma once

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/waiting.hpp"

namespace karapace::release {

class DestinationLock {
 public:
  struct Patience {
    std::chrono::seconds with_silence{60};  // after which a holder on another machine is given up
    std::chrono::seconds in_all{600};
  };
  /// Waits. Error naming the holder when it takes longer than that. `directory` is made when it is missing.
  static DestinationLock acquire(const std::filesystem::path& directory, const Patience& patience, Notice notice);
  DestinationLock(DestinationLock&& other) noexcept;
  DestinationLock& operator=(DestinationLock&&) = delete;
  ~DestinationLock();

  /// A sign of life. Error when somebody else has taken the lock meanwhile.
  void renew() const;

 private:
  DestinationLock(std::filesystem::path directory, unsigned long number);
  std::filesystem::path path() const;
  std::filesystem::path directory_;
  unsigned long number_;
};

/// Renews the lock again and again, for as long as the value lives: for what may take longer than others wait. That
/// somebody took the lock nevertheless the holder finds by renewing it himself.
class SignsOfLife {
 public:
  SignsOfLife(const DestinationLock& lock, std::chrono::seconds silence);

 private:
  std::jthread thread_;
};

}  // namespace karapace::release
