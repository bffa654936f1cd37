// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "cli/program.hpp"
#include "store/standard_streams.hpp"

int main(int argc, char** argv) {
  karapace::open_missing_streams();
  return karapace::cli::run_program(std::vector<std::string>(argv + (argc > 0), argv + argc));
}
