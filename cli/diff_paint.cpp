// SPDX-License-Identifier: Apache-2.0
#include "cli/diff_paint.hpp"

namespace karapace::cli {

namespace {

Style style_of(diff::Emphasis emphasis) {
  switch (emphasis) {
    case diff::Emphasis::strong: return Style::bold;
    case diff::Emphasis::faint: return Style::dim;
    case diff::Emphasis::added: return Style::green;
    case diff::Emphasis::removed: return Style::red;
    case diff::Emphasis::changed: return Style::yellow;
  }
  return Style::bold;
}

}  // namespace

diff::Paint diff_paint(const Context& context) {
  return
      [&context](diff::Emphasis emphasis, std::string_view text) { return context.styled(style_of(emphasis), text); };
}

}  // namespace karapace::cli
