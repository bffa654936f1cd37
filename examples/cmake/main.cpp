// SPDX-License-Identifier: Apache-2.0
// app [FILE | --self-test]: prints each word of a file, or of standard input, with its count.
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "words.hpp"

static int self_test() {
  std::istringstream text("b a b");
  auto counts = count_words(text);
  return counts.size() == 2 && counts["b"] == 2 ? 0 : 1;
}

int main(int argc, char** argv) {
  std::string word = argc > 1 ? argv[1] : "";
  if (word == "--self-test") return self_test();
  std::ifstream file(word);
  for (const auto& [text, count] : count_words(word.empty() ? std::cin : file))
    std::cout << text << ' ' << count << '\n';
}
