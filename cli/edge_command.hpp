// SPDX-License-Identifier: Apache-2.0
// EdgeCommand: the command line of every edge, as ninja runs it and a person may repeat it.
//
//   KIND OUT [--hint NAME=VALUE]... [NAME=VALUE]... -- INPUT...      or      @FILE
//
// OUT is <store>/steps/<key>; inputs are records of the same store. NAME=VALUE are the step's parameters and part of
// its key, hints are not. @FILE is a file with the same words, which `karapace gen` writes where there are many.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/step.hpp"

namespace karapace::cli {

struct EdgeCommand {
  std::filesystem::path store;   // root, absolute
  std::filesystem::path output;  // OUT as given
  StepKey key;                   // of the step, equal to OUT's name
  Step step;
  std::map<std::string, std::string, std::less<>> hints;
};

/// `words`: without the program's name. UsageError when they are not an edge's command; StepError when the key that
/// follows from kind, parameters and inputs is not the one in OUT's name.
EdgeCommand parse_edge_command(std::span<const std::string> words);

/// Splits the text of such a file at white space; '...' quotes, and a backslash outside quotes takes the next byte
/// literally. UsageError when a quote is not closed.
std::vector<std::string> split_words(std::string_view text);

}  // namespace karapace::cli
