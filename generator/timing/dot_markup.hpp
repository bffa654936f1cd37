// SPDX-License-Identifier: Apache-2.0
// What the pictures are drawn with: colours, escaped text, cells, and the frame around both kinds of pictures.
#pragma once

#include <string>
#include <string_view>

#include "generator/timing/measured_graph.hpp"

namespace karapace::timing::dot {

/// Dark enough on white for their text, told apart by lightness too, not by hue alone.
constexpr std::string_view ink = "#1f2933";
constexpr std::string_view pale = "#66727f";
constexpr std::string_view critical = "#c0392b";
constexpr std::string_view line = "#9aa5b1";

struct Colours {
  std::string_view fill;
  std::string_view border;
};
Colours colours_of(StepKind kind);
constexpr Colours not_built = {"#ffffff", "#9aa5b1"};

/// `text` for an HTML-like label: markup escaped, bytes that are no UTF-8 and control characters as \xNN.
std::string escaped(std::string_view text);
/// Escaped and styled.
std::string bold(std::string_view text);
std::string small(std::string_view text, std::string_view colour = pale);

/// Everything before the first node: settings, title and legend.
std::string head(const MeasuredGraph& measured);
/// `  nFROM -> nTO [...]`: the numbers of the picture's nodes, whatever they stand for.
std::string arrow(std::size_t from, std::size_t to, bool is_critical);

}  // namespace karapace::timing::dot
