// SPDX-License-Identifier: Apache-2.0
#include "cli/table.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/context.hpp"

namespace karapace::cli {

namespace {

/// Of UTF-8, a cell for each character.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::vector<std::size_t> widths_of(std::span<const TableRow> rows, std::vector<std::size_t> widths) {
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  return widths;
}

}  // namespace

std::vector<std::string> table_lines(std::span<const TableRow> rows, const std::vector<std::size_t>& least,
                                     std::size_t gap) {
  const auto widths = widths_of(rows, least);
  std::vector<std::string> lines;
  for (const auto& row : rows) {
    auto& line = lines.emplace_back();
    for (std::size_t i = 0; i + 1 < row.size(); ++i) line += padded(row[i], widths[i]) + std::string(gap, ' ');
    if (!row.empty()) line += row.back();
    line += '\n';
  }
  return lines;
}

std::string table_text(std::span<const TableRow> rows, const std::vector<std::size_t>& least, std::size_t gap) {
  return fmt::format("{}", fmt::join(table_lines(rows, least, gap), ""));
}

}  // namespace karapace::cli
