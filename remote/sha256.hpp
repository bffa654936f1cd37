// SPDX-License-Identifier: Apache-2.0
// Streaming SHA-256: the digest that package indexes and registries speak.
#pragma once

#include <memory>
#include <string_view>

#include "base/digest.hpp"

namespace karapace::remote {

class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(Sha256Hasher&&) noexcept;
  Sha256Hasher& operator=(Sha256Hasher&&) noexcept;
  Sha256Hasher& update(std::string_view bytes);
  /// Ends the hash; the value may only be destroyed or assigned to afterwards.
  Sha256 finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace karapace::remote
