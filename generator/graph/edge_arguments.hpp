// SPDX-License-Identifier: Apache-2.0
// EdgeArguments: the words after `karapace-step` in an edge's command, and where they stand.
//
// Few words stand in the command itself. Many (an installation's hundred inputs) stand in a file of the store
// (store/graph_files.hpp), and the command is `karapace-step @<store>/graphs/<hash>/<key>`: short enough to read in
// Ninja's errors, and because the file stays, it can be run again at any time. Which edges have a file is decided by
// the edge alone, never by this machine's paths, so that build.ninja is the same everywhere.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "generator/graph/graph.hpp"

namespace karapace::graph {

/// True of commands of more than about 1,000 bytes, for a store with a path of usual length, and of those with
/// characters that no terminal should be sent (base/escape.hpp).
bool has_arguments_file(const Edge& edge);

/// The hint that every `fetch` has; its value is this machine's.
constexpr std::string_view mirrors_hint = "--hint mirrors=";

/// Appends the other hints, then the parameters, quoted for sh(1), each after `separator` unless `text` is empty.
void append_parameters(std::string& text, const Edge& edge, char separator);

/// The content of the edge's file: KIND OUT, then a hint, parameter or input per line, quoted as in a command.
/// `mirrors`: absolute path of the file that says from where to fetch (resolve/mirrors.hpp).
std::string arguments_file_text(const Edge& edge, const std::filesystem::path& store,
                                const std::filesystem::path& mirrors);

}  // namespace karapace::graph
