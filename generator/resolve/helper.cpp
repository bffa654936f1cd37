// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/helper.hpp"

#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/error.hpp"
#include "base/sibling_programs.hpp"
#include "generator/resolve/protocol.hpp"

namespace karapace::resolve {
namespace {

constexpr std::string_view helper_name = "karapace-resolve-deb";

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
  const ChildCommand command{.argv = {program->string(), std::string(verb)},
                             .working_directory = {},
                             .variables = helper_environment(),
                             .interrupts = Interrupts::for_both};
  auto answer = capture_child(command, request, ChildErrors::inherited);
  throw_if_error(answer.output);
  if (answer.status > 128)
    throw Error(fmt::format("lock: {} was ended by signal {}", helper_name, answer.status - 128));
  if (answer.status != 0) throw Error(fmt::format("lock: {} failed with exit status {}", helper_name, answer.status));
  return std::move(answer.output);
}

}  // namespace karapace::resolve
