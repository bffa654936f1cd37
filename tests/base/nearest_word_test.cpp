// SPDX-License-Identifier: Apache-2.0
#include "base/nearest_word.hpp"

#include <array>

#include <gtest/gtest.h>

namespace karapace {

namespace {

constexpr std::array<std::string_view, 4> known = {"packages", "recommends", "base", "run"};

TEST(NearestWord, FindsTheWordThatOneSlipMadeOf) {
  EXPECT_EQ(nearest_word("pakages", known), "packages");
  EXPECT_EQ(nearest_word("packagse", known), "packages");
  EXPECT_EQ(nearest_word("package", known), "packages");
  EXPECT_EQ(nearest_word("recomends", known), "recommends");
  EXPECT_EQ(nearest_word("bse", known), "base");
}

TEST(NearestWord, StaysSilentAboutForeignWords) {
  EXPECT_EQ(nearest_word("author", known), std::nullopt);
  EXPECT_EQ(nearest_word("x", known), std::nullopt);
  EXPECT_EQ(nearest_word("", known), std::nullopt);
  EXPECT_EQ(nearest_word(std::string(10'000, 'p'), known), std::nullopt);
}

}  // namespace
}  // namespace karapace
