// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <cstring>

#include <fmt/format.h>

namespace karapace {

int exit_code(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::manifest:
    case ErrorKind::graph:
    case ErrorKind::lock: return 2;
    case ErrorKind::store: return 3;
    default: return 1;
  }
}

std::string_view code_text(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::general: return "error";
    case ErrorKind::usage: return "usage";
    case ErrorKind::not_found: return "not_found";
    case ErrorKind::manifest: return "manifest";
    case ErrorKind::graph: return "graph";
    case ErrorKind::lock: return "lock";
    case ErrorKind::store: return "store";
    case ErrorKind::step: return "step";
    case ErrorKind::sandbox: return "sandbox";
    case ErrorKind::remote: return "remote";
  }
  return "error";
}

std::string errno_message(std::string_view what, int errno_value) {
  return fmt::format("{}: {}", what, strerrordesc_np(errno_value));
}

}  // namespace karapace
