// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "base/inherited_state.hpp"
#include "cli/command.hpp"

int main(int argc, char** argv) {
  karapace::mend_inherited_state();
  return karapace::cli::run_program(std::vector<std::string>(argv + (argc > 0), argv + argc));
}
