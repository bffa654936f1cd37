// SPDX-License-Identifier: Apache-2.0
// Attempt: what came of asking one place for bytes once.
#pragma once

#include <string>

namespace karapace::remote {

struct Attempt {
  enum class Result {
    complete,     // the answer ended as its sender meant it to; size and digest are still to be judged
    interrupted,  // worth another try: a cut connection, a time-out, a server that is busy; the bytes so far are kept
    refused,      // asking again would give the same
  };
  Result result{};
  std::string reason;  // for people; empty when complete
};

}  // namespace karapace::remote
