// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/json/reader.hpp"
#include "base/json/text.hpp"

namespace karapace::tests {
namespace {

std::string read_string(std::string_view text) {
  JsonReader reader(text, "x");
  std::string value = reader.string();
  reader.finish();
  return value;
}

template <class Read>
std::string message_of(std::string_view text, Read read) {
  try {
    JsonReader reader(text, "x");
    read(reader);
    reader.finish();
  } catch (const LockError& error) {
    return error.what();
  }
  return "accepted";
}

std::string string_message(std::string_view text) {
  return message_of(text, [](JsonReader& reader) { reader.string(); });
}

std::string number_message(std::string_view text, std::uint64_t most) {
  return message_of(text, [=](JsonReader& reader) { reader.number(most); });
}

TEST(JsonReader, WhatNobodyKnowsIsPassedOverAndStillRead) {
  const auto skipped = [](std::string_view text) {
    return message_of(text, [](JsonReader& reader) { reader.skip(); });
  };
  EXPECT_EQ(skipped(R"( {"a": [1, -2, "x\n", {}, [], null, true], "b": {"c": false}} )"), "accepted");
  EXPECT_EQ(skipped(R"({"a": [1, ]})"), "x:1:11: expected a whole number, not negative");
  EXPECT_EQ(skipped(R"({"a" 1})"), "x:1:6: expected a colon");
  EXPECT_EQ(skipped(std::string(200, '[')), "x:1:102: it is nested too deeply");
}

TEST(JsonReader, StringsGoThereAndBack) {
  for (std::string_view value : {"", "plain", "quote \" backslash \\ slash /", "\b\f\n\r\t\x01\x1f\x7f", "§ € 😀"}) {
    std::string json;
    append_json(json, value);
    EXPECT_EQ(read_string(json), value);
  }
  EXPECT_EQ(read_string(R"("\u0041\u00a7\u20AC\ud83d\ude00\/")"), "A§€😀/");
}

TEST(JsonReader, BadStringsAreRefused) {
  EXPECT_EQ(string_message("\"a"), "x:1:3: the file ends within a string");
  EXPECT_EQ(string_message("\"a\\"), "x:1:4: the file ends within a string");
  EXPECT_EQ(string_message("\"a\n\""), "x:1:3: a control character in a string");
  EXPECT_EQ(string_message(R"("\x")"), "x:1:2: unknown escape in a string");
  EXPECT_EQ(string_message(R"("\u00")"), "x:1:6: expected four hex digits after \\u");
  EXPECT_EQ(string_message(R"("\u0000")"), "x:1:2: a NUL character in a string");
  EXPECT_EQ(string_message(R"("\ud83d")"), "x:1:2: half of a surrogate pair in a string");
  EXPECT_EQ(string_message(R"("\ud83dA")"), "x:1:2: half of a surrogate pair in a string");
  EXPECT_EQ(string_message(R"("\ude00")"), "x:1:2: half of a surrogate pair in a string");
  EXPECT_EQ(string_message("\"a\" \"b\""), "x:1:5: unexpected text after the end");
}

TEST(JsonReader, IllFormedUtf8IsRefused) {
  for (std::string_view bytes :
       {"\xff", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"}) {
    EXPECT_EQ(string_message("\n\"" + std::string(bytes) + "\""), "x:2:2: not UTF-8");
  }
}

TEST(JsonReader, NumbersHaveLimits) {
  EXPECT_EQ(number_message("18446744073709551615", UINT64_MAX), "accepted");
  EXPECT_EQ(number_message("18446744073709551616", UINT64_MAX), "x:1:1: the number is too large");
  EXPECT_EQ(number_message("99999999999999999999999", UINT64_MAX), "x:1:1: the number is too large");
  EXPECT_EQ(number_message("10", 9), "x:1:1: the number is too large");
  EXPECT_EQ(number_message("9", 9), "accepted");
  for (std::string_view text : {"-1", "01", "1.0", "1e3", "", "x"}) {
    EXPECT_EQ(number_message(text, UINT64_MAX), "x:1:1: expected a whole number, not negative") << text;
  }
}

}  // namespace
}  // namespace karapace::tests
