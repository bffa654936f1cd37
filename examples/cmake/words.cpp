// SPDX-License-Identifier: Apache-2.0
#include "words.hpp"

#include <istream>

std::map<std::string, std::size_t> count_words(std::istream& text) {
  std::map<std::string, std::size_t> counts;
  for (std::string word; text >> word;) ++counts[word];
  return counts;
}
