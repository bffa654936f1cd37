// SPDX-License-Identifier: Apache-2.0
// CallError: the kernel refused to open or read something of the store.
//
// That says nothing of what is there: descriptors or memory ran out, the ids are others than those that made it, a disk
// fails. Who verifies must not take it for damage.
#pragma once

#include <cerrno>
#include <string_view>

#include "base/error.hpp"

namespace karapace {

class CallError : public StoreError {
 public:
  CallError(std::string_view what, int errno_value)
      : StoreError(errno_message(what, errno_value)), number_(errno_value) {}
  /// The errno.
  int number() const noexcept { return number_; }
  /// That a link, a directory or something else is where a file should be: this one does say what is there.
  bool is_of_what_is_there() const noexcept {
    return number_ == ELOOP || number_ == ENOTDIR || number_ == EISDIR || number_ == ENXIO;
  }

 private:
  int number_;
};

}  // namespace karapace
