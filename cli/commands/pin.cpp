// SPDX-License-Identifier: Apache-2.0
// pin: another name for lock. What is pinned is what the lock says; there is no second way.
#include "cli/commands.hpp"

namespace karapace::cli {

Command pin_command() {
  auto command = lock_command();
  command.text.name = "pin";
  command.text.summary = "The same as karapace lock";
  command.text.examples = {{"karapace pin", "make or update ./karapace.lock, and build nothing"},
                           {"karapace pin --check", "fail when the lock does not pin what the manifest says"}};
  return command;
}

}  // namespace karapace::cli
