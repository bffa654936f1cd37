// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/patience.hpp"

#include <algorithm>
#include <thread>

namespace karapace::oci {

namespace {

bool may_pass(const Answer& answer) noexcept {
  if (answer.failure) return answer.failure->is_transient;
  auto status = answer.status();
  return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

}  // namespace

bool Patience::lasts(const Answer& answer) {
  if (tries_ == pauses_.retries || !may_pass(answer)) return false;
  if (answer.retry_after && *answer.retry_after > pauses_.longest_asked_for) return false;
  ++tries_;
  auto asked_for =
      std::chrono::duration_cast<std::chrono::milliseconds>(answer.retry_after.value_or(std::chrono::seconds(0)));
  std::this_thread::sleep_for(std::max(pause_, asked_for));
  pause_ = std::min(2 * pause_, pauses_.longest);
  return true;
}

void Patience::renew() {
  tries_ = 0;
  pause_ = pauses_.first;
}

}  // namespace karapace::oci
