// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "cli/edge_command.hpp"
#include "tests/fuzz/target.hpp"

void karapace::fuzz_one(std::string_view bytes) {
  try {
    auto words = cli::split_words(bytes);
    if (!words.empty() && words.front().starts_with('@')) return;  // no reading of files that a fuzzer names
    cli::parse_edge_command(words);
  } catch (const Error&) {
  }
}
