// SPDX-License-Identifier: Apache-2.0
// BlobDownload: one blob on its way from a server, in as many answers as it takes (distribution spec 1.1, "Pulling
// blobs", and Range of RFC 9110).
//
// What breaks is gone on with where it was; a server that does not know ranges is read again from its beginning, and
// what is known already passed over. Size and digest are those of the descriptor, or it fails.
#pragma once

#include <cstdint>
#include <string>

#include "remote/oci/content_digest.hpp"
#include "remote/oci/descriptor.hpp"
#include "remote/oci/http_client.hpp"
#include "remote/oci/registry_connection.hpp"
#include "remote/oci/url.hpp"

namespace karapace::oci {

class BlobDownload {
 public:
  /// All must outlive it.
  BlobDownload(RegistryConnection& connection, Url url, const Descriptor& blob, const TakeBytes& take);
  /// Takes what comes after `from`; the digest is verified when that is 0.
  void run(std::uint64_t from);

 private:
  Request request();
  void begin(const AnswerHead& head);
  void take(std::string_view bytes);
  void verify();
  [[noreturn]] void refuse_size(std::uint64_t size) const;

  RegistryConnection& connection_;
  Url url_;
  const Descriptor& blob_;
  const TakeBytes& take_;
  std::string what_;
  ContentHasher hasher_;
  bool is_hashed_ = true;
  std::uint64_t received_ = 0;
  std::uint64_t skip_ = 0;
};

}  // namespace karapace::oci
