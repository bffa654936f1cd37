// SPDX-License-Identifier: Apache-2.0
// Errors: the one family of exceptions that Karapace throws.
//
// A message names the operation, the object and the way out. Only a program's `main` catches, prints and turns the
// kind into an exit code; with --json the same error is printed as {"error": {"code": ..., "message": ...}}.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace karapace {

enum class ErrorKind {
  general,    // exit 1, code "error"
  usage,      // exit 1, code "usage": the command line is wrong
  not_found,  // exit 1, code "not_found": no such environment, step, ...
  manifest,   // exit 2, code "manifest"; the message begins with file:line:column
  graph,      // exit 2, code "graph": a build.ninja that is not as we write it
  lock,       // exit 2, code "lock": lock unreadable, does not fit, or cannot be resolved
  store,      // exit 3, code "store": store unreadable, damaged, full or of a newer version
  step,       // exit 1, code "step": a step of the graph failed
  sandbox,    // exit 1, code "sandbox": namespaces, mounts or id maps are refused
  remote,     // exit 1, code "remote": network or mirror
};

/// The exit status of a program that ends with an error of this kind.
int exit_code(ErrorKind kind) noexcept;
/// The stable word for this kind in JSON output.
std::string_view code_text(ErrorKind kind) noexcept;

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, ErrorKind kind = ErrorKind::general)
      : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

template <ErrorKind Kind>
class ErrorOf : public Error {
 public:
  explicit ErrorOf(const std::string& message) : Error(message, Kind) {}
};

using UsageError = ErrorOf<ErrorKind::usage>;
using NotFoundError = ErrorOf<ErrorKind::not_found>;
using ManifestError = ErrorOf<ErrorKind::manifest>;
using GraphError = ErrorOf<ErrorKind::graph>;
using LockError = ErrorOf<ErrorKind::lock>;
using StoreError = ErrorOf<ErrorKind::store>;
using StepError = ErrorOf<ErrorKind::step>;
using SandboxError = ErrorOf<ErrorKind::sandbox>;
using RemoteError = ErrorOf<ErrorKind::remote>;

/// "operation object: strerror(errno_value)", e.g. `store: cannot write "/x": No space left on device`.
std::string errno_message(std::string_view what, int errno_value);

}  // namespace karapace
