// SPDX-License-Identifier: Apache-2.0
// Patience: whether, and how much later, a request that failed is made once more.
//
// What may pass is tried again: broken connections, 408, 429, 500, 502, 503 and 504. Pauses double; where the server
// says for how long to stay away (Retry-After), that is what is waited, unless it is longer than anybody would want.
#pragma once

#include <chrono>

#include "remote/oci/http_client.hpp"

namespace karapace::oci {

struct Pauses {
  unsigned retries = 3;
  std::chrono::milliseconds first{500};
  std::chrono::milliseconds longest{8000};
  std::chrono::seconds longest_asked_for{120};  // by the server; more is not waited for at all
};

class Patience {
 public:
  explicit Patience(const Pauses& pauses) : pauses_(pauses), pause_(pauses.first) {}
  /// Waits and returns true, or returns false when there is no use in another try.
  bool lasts(const Answer& answer);
  /// The last try brought things on: the tries are counted from the beginning.
  void renew();

 private:
  Pauses pauses_;
  std::chrono::milliseconds pause_;
  unsigned tries_ = 0;
};

}  // namespace karapace::oci
