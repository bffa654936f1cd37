// SPDX-License-Identifier: Apache-2.0
// Tables for people: rows of cells, in columns.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace karapace::cli {

using TableRow = std::vector<std::string>;

/// A line for each row, with its newline. A column is as wide as its widest cell and not less than `least` says, in
/// terminal cells; `gap` spaces are between two. The last column is not padded.
std::vector<std::string> table_lines(std::span<const TableRow> rows, const std::vector<std::size_t>& least,
                                     std::size_t gap = 1);
/// The same, as one text.
std::string table_text(std::span<const TableRow> rows, const std::vector<std::size_t>& least, std::size_t gap = 1);

}  // namespace karapace::cli
