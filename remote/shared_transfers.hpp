// SPDX-License-Identifier: Apache-2.0
// Shared transfers: finding, or starting, the karapace-transfer that serves the downloads of a build.
//
//   <store>/fetch/<name>/           locked by flock(2) while it is being started, and while it runs
//   <store>/fetch/<name>/socket
//
// <name> is the digest of all that a transfer depends on and a request does not say: the program, the environment
// (proxies, certificates), user and namespaces. It runs detached, with nothing of its caller's open, in a session of
// its own, and ends by itself half a second after the last transfer. Whoever kills it leaves a directory that the next
// one, or gc, takes over. The store is its owner's alone, and sessions do not see it, so nobody else can listen or
// connect.
#pragma once

#include <filesystem>
#include <optional>

#include "base/fd.hpp"

namespace karapace::remote {

class SharedTransfers {
 public:
  /// Below `store`, an existing store, for this process as it is.
  explicit SharedTransfers(const std::filesystem::path& store);

  /// A connection to it; nothing when it can not be had at once: everything works without.
  std::optional<Fd> connect() const;
  /// One that does not answer (it was stopped): who comes next starts another.
  void retire() const;

 private:
  enum class Start { begun, busy, impossible };
  Start start() const;

  std::filesystem::path directory_;  // empty: this process can not share
};

/// The end of the one that serves in `directory`, an open descriptor.
void remove_shared_socket(int directory) noexcept;

}  // namespace karapace::remote
