// SPDX-License-Identifier: Apache-2.0
// Syncing: hosts get what a destination has, at the same path, with the same build ids.
//
// Append-only there as well: packages and versions are brought where nobody looks, and get their names by renames when
// all of them are there; then the launcher and the links. An interrupted run leaves nothing half, and the next one goes
// on with what it brought. What a host has that is another than ours is an error, and stays.
//
// Names are given under the lock of the host's destination, and only when the host still is as it was seen; else it is
// looked at again. So several may bring something to one destination, and people may install and choose links there.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "release/destination.hpp"
#include "release/host_records.hpp"

namespace karapace::release {

enum class SyncMode { dry_run, copy };

struct SyncRequest {
  std::map<std::string, std::string> hosts;  // name -> as ssh takes it
  std::vector<std::string> versions;         // in full; empty: every one
  SyncMode mode = SyncMode::copy;
  OthersChoices choices = OthersChoices::stay;
  DestinationLock::Patience patience = {};  // with another process that brings something to the same host
  unsigned threads = 1;                     // that read what is sent
};

struct HostReport {
  std::string name;
  std::string address;
  std::string failure;                     // "": none
  std::vector<std::string> versions;       // that it got
  std::vector<std::string> entries;        // that it got
  std::uint64_t bytes = 0;                 // of these entries
  std::vector<std::string> links;          // that were made or exchanged: "versions/stable", "bin/app"; mended files
  std::vector<std::string> left_out = {};  // links to versions that it has not
  std::vector<std::string> kept = {};      // links that are others than here, because somebody chose that there
  std::vector<std::string> kept_of_others = {};  // of these: as another destination brought them
  std::vector<std::string> reused = {};          // of `versions`: the name was, or may have been, another build's there
  bool nothing_to_do() const noexcept {
    return failure.empty() && versions.empty() && entries.empty() && links.empty();
  }
};

/// All hosts side by side; a failure of one stops no other. `tell(host, what)` is called while it goes on, by one
/// thread at a time. One per host, in the order of their names. NotFoundError when the destination has no version at
/// all, or not those that are asked for.
std::vector<HostReport> sync(const Destination& destination, const SyncRequest& request,
                             const std::function<void(const std::string& host, const std::string& what)>& tell);

}  // namespace karapace::release
