// SPDX-License-Identifier: Apache-2.0
#include "base/escape.hpp"

#include <gtest/gtest.h>

namespace karapace {
namespace {

TEST(Printable, LinesTabsAndPrintableCharactersStay) {
  constexpr std::string_view text = "a line\n\tähnlich 日本 🙂 \\ \\x1b \"quoted\"\n";
  EXPECT_EQ(printable(text), text);
  EXPECT_TRUE(is_printable(text));
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, ControlCharactersAreShown) {
  EXPECT_EQ(printable("\x1b[2J\x1b]0;owned\x07 \b\r\x7f"), "\\x1b[2J\\x1b]0;owned\\x07 \\x08\\x0d\\x7f");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\u0080\u009b31m\u009f\u00a0"), "\\xc2\\x80\\xc2\\x9b31m\\xc2\\x9f\u00a0");
  EXPECT_FALSE(is_printable("a\x1b"));
}

TEST(Printable, BidirectionalControlsAreShown) {
  EXPECT_EQ(printable("\u202a\u202e\u2066\u2069"), "\\xe2\\x80\\xaa\\xe2\\x80\\xae\\xe2\\x81\\xa6\\xe2\\x81\\xa9");
  EXPECT_EQ(printable("\u200e\u200f\u061c"), "\\xe2\\x80\\x8e\\xe2\\x80\\x8f\\xd8\\x9c");
  EXPECT_EQ(printable("\u2029\u202f\u2065\u206a"), "\u2029\u202f\u2065\u206a");
}

TEST(Printable, BytesThatAreNoUtf8AreShown) {
  EXPECT_EQ(printable("\x9b"
                      "31m\xff\xc3"),
            "\\x9b31m\\xff\\xc3");
  EXPECT_EQ(printable("\xe2\x80"), "\\xe2\\x80");
}

TEST(Printable, JsonNamesTheSameCharactersByItsOwnEscapes) {
  EXPECT_EQ(printable_json("{\"a\": \"\\u001b ä \x7f\u009b\u202e\"}\n"),
            "{\"a\": \"\\u001b ä \\u007f\\u009b\\u202e\"}\n");
}

}  // namespace
}  // namespace karapace
