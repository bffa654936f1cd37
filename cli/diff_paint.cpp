// SPDX-License-Identifier: Apache-2.0
#include "cli/diff_paint.hpp"

namespace karapace::cli {

namespace {

Style style_of(generator::Emphasis emphasis) {
  switch (emphasis) {
    case generator::Emphasis::strong: return Style::bold;
    case generator::Emphasis::faint: return Style::dim;
    case generator::Emphasis::added: return Style::green;
    case generator::Emphasis::removed: return Style::red;
    case generator::Emphasis::changed: return Style::yellow;
  }
  return Style::bold;
}

}  // namespace

generator::Paint diff_paint(const Context& context) {
  return [&context](generator::Emphasis emphasis, std::string_view text) {
    return context.styled(style_of(emphasis), text);
  };
}

}  // namespace karapace::cli
