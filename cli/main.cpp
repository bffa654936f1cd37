// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "cli/program.hpp"

int main(int argc, char** argv) {
  return karapace::cli::run_program(std::vector<std::string>(argv + (argc > 0), argv + argc));
}
