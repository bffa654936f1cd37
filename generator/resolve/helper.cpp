// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/helper.hpp"

#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json/error_answer.hpp"
#include "base/sibling_programs.hpp"

namespace karapace::resolve {
namespace {

constexpr std::string_view helper_name = "karapace-resolve-deb";
constexpr std::string_view image_helper_name = "karapace-resolve-image";
constexpr int does_not_start = 127;  // of the dynamic loader, which says on standard error what it lacks

/// The caller's variables but those that would lead libapt-pkg to the host's configuration or change its messages.
std::vector<std::string> helper_environment() {
  std::vector<std::string> variables{"LC_ALL=C.UTF-8"};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (text.starts_with("LC_") || text.starts_with("LANG") || text.starts_with("APT_CONFIG=")) continue;
    variables.emplace_back(text);
  }
  return variables;
}

Captured run_helper(std::vector<std::string> argv, std::string_view request, ChildErrors errors) {
  const ChildCommand command{.argv = std::move(argv),
                             .working_directory = {},
                             .variables = helper_environment(),
                             .interrupts = Interrupts::for_both};
  return capture_child(command, request, errors);
}

std::string answer_of(Captured captured, std::string_view name) {
  throw_if_error_answer(captured.output);
  const int status = captured.status;
  if (status == does_not_start)
    throw Error(
        fmt::format("lock: {} does not start (see above): it belongs to the release of Debian or Ubuntu that "
                    "it was built on; install the one of this release",
                    name));
  if (status > 128) throw Error(fmt::format("lock: {} was ended by signal {}", name, status - 128));
  if (status != 0) throw Error(fmt::format("lock: {} failed with exit status {}", name, status));
  return std::move(captured.output);
}

}  // namespace

std::optional<std::filesystem::path> find_resolver() { return find_program_if_there(helper_name); }

std::string ask_helper(std::string_view verb, std::string_view request) {
  const auto program = find_resolver();
  if (!program) {
    throw Error(
        fmt::format("lock: the program {} is missing; it is built where libapt-pkg-dev is installed: install that and "
                    "build Karapace again",
                    helper_name));
  }
  return answer_of(run_helper({program->string(), std::string(verb)}, request, ChildErrors::inherited), helper_name);
}

std::string ask_image_helper(std::string_view request) {
  return answer_of(run_helper({find_program(image_helper_name)}, request, ChildErrors::inherited), image_helper_name);
}

std::optional<std::string> ask_helper_if_there(std::string_view verb) {
  const auto program = find_resolver();
  if (!program) return std::nullopt;
  auto captured = run_helper({program->string(), std::string(verb)}, "", ChildErrors::captured);
  if (captured.status == does_not_start && captured.output.empty()) return std::nullopt;
  write_all(STDERR_FILENO, captured.errors, "standard error");
  return answer_of(std::move(captured), helper_name);
}

}  // namespace karapace::resolve
