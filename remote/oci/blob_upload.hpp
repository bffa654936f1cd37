// SPDX-License-Identifier: Apache-2.0
// BlobUpload: one blob on its way into a registry (distribution spec 1.1, "Pushing Blobs").
//
// POST, then PUT of everything: what every registry takes. When that breaks, the registry is asked how far it came and
// given the rest (PATCH, then PUT of nothing); one that has forgotten begins again. Each request goes to the newest
// location that the registry named. An upload that is given up is taken back (DELETE).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "remote/oci/image_repository.hpp"
#include "remote/oci/patience.hpp"
#include "remote/oci/registry_connection.hpp"
#include "remote/oci/url.hpp"

namespace karapace::oci {

class BlobUpload {
 public:
  BlobUpload(RegistryConnection& connection, const NewBlob& blob);
  Added run();

 private:
  struct Session {
    Url location;
    std::uint64_t stored = 0;  // so much is there already
  };

  std::optional<Session> mount(const std::string& from);
  std::optional<Session> begin(const Url& address, const Scopes& scopes);
  void send();
  Answer send_on();
  Answer close(const Session& session, std::optional<RequestBody> body);
  bool recover(const Answer& answer);
  bool is_there();
  std::optional<Session> status(const Session& session);
  void cancel() noexcept;
  Url newest(const Answer& answer, const Url& before) const;

  RegistryConnection& connection_;
  const NewBlob& blob_;
  std::string what_;
  Patience patience_;
  std::optional<Session> session_;
  bool has_begun_again_ = false;
};

}  // namespace karapace::oci
