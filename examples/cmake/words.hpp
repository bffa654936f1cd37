// SPDX-License-Identifier: Apache-2.0
// Counting the words of a text.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <map>
#include <string>

std::map<std::string, std::size_t> count_words(std::istream& text);
