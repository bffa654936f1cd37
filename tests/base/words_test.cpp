// SPDX-License-Identifier: Apache-2.0
#include "base/words.hpp"

#include <gtest/gtest.h>

namespace karapace {
namespace {

using Lines = std::vector<std::string_view>;

TEST(Lines, EmptyOnesAreDroppedUnlessTheyAreWanted) {
  EXPECT_EQ(lines("a\n\nb\n"), (Lines{"a", "b"}));
  EXPECT_EQ(lines("a\n\nb\n", EmptyLines::kept), (Lines{"a", "", "b"}));
  EXPECT_EQ(lines("\na", EmptyLines::kept), (Lines{"", "a"}));
  EXPECT_TRUE(lines("", EmptyLines::kept).empty());
}

TEST(Trimmed, HasNoWhiteSpaceAtItsEnds) {
  EXPECT_EQ(trimmed(" \t a b\r\n"), "a b");
  EXPECT_EQ(trimmed("\v\f"), "");
}

}  // namespace
}  // namespace karapace
