// SPDX-License-Identifier: Apache-2.0
// SentBlobs: in which repositories of a registry layers are that this user has sent, so that another repository there
// takes them over (distribution spec 1.1, "Mounting a blob from another repository") and nothing is sent twice.
//
//   sha256:<64 digits> registry.example/team/cache
//
// A line each, the newest last, some thousand of them. They are hints: a registry that has it no more is sent the blob,
// so the file may be lost, old or wrong, and of two who write it at once one is enough.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "remote/oci/content_digest.hpp"
#include "remote/oci/image_location.hpp"

namespace karapace::exchange {

class SentBlobs {
 public:
  /// Of nothing, and kept nowhere.
  SentBlobs() = default;
  /// For pushes to `place`. `near`: places that may have what the file does not know of, as the user's caches.
  SentBlobs(std::filesystem::path file, const oci::ImageLocation& place, const std::vector<std::string>& near);

  /// The repositories of the same registry to take it from, the likeliest first; none in another kind of place.
  std::vector<std::string> repositories_with(const oci::ContentDigest& blob) const;
  /// It is in the place now. From any thread.
  void note(const oci::ContentDigest& blob);
  /// What was noted, to the file; a disk that is full or no longer writable is none of who pushes.
  void keep() const;

 private:
  std::filesystem::path file_;
  std::string registry_;    // "": not one
  std::string repository_;  // with the registry
  std::vector<std::string> near_;
  std::map<oci::ContentDigest, std::string> known_;
  std::mutex mutex_;
  std::vector<oci::ContentDigest> noted_;
};

}  // namespace karapace::exchange
