// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/json/record.hpp"

namespace karapace::tests {
namespace {

enum class Colour { none, red };

struct Part {
  std::string name;
  Colour colour = Colour::none;
  auto operator<=>(const Part&) const = default;
};

struct Whole {
  std::int64_t time = 0;
  unsigned retries = 0;
  std::optional<std::filesystem::path> path;
  std::optional<std::uint64_t> size;
  std::map<std::string, bool> flags;
  std::vector<Part> parts;
  auto operator<=>(const Whole&) const = default;
};

constexpr auto colours = words_of<Colour>("must be red", {{Colour::red, "red"}});
constexpr auto part_fields =
    line_of<Part>(member("name", &Part::name, escaped_bytes), optional_member("colour", &Part::colour, colours));
constexpr auto whole_fields =
    fields_of<Whole>(FormatMember{3}, member("time", &Whole::time), member("retries", &Whole::retries),
                     member("path", &Whole::path), optional_member("size", &Whole::size),
                     member("flags", &Whole::flags), member("parts", &Whole::parts, list_of(part_fields)));

std::string message_of(std::string_view text) {
  try {
    parse_json(whole_fields, text, "x");
  } catch (const LockError& error) {
    return error.what();
  }
  return "accepted";
}

std::string with(std::string_view time, std::string_view rest) {
  return fmt::format(R"({{"format":3,"time":{},"retries":1,"path":null,"flags":{{}},"parts":[]{}}})", time, rest);
}

TEST(JsonRecord, IsWrittenAndReadByOneList) {
  Whole whole{-7, 5, "/a\xff", 9, {{"a\n", true}, {"b", false}}, {{"one\\", Colour::red}, {"\x01", Colour::none}}};
  const auto text = json_text(whole_fields, whole);
  EXPECT_EQ(text,
            "{\n \"format\": 3,\n \"time\": -7,\n \"retries\": 5,\n \"path\": \"/a\\\\xff\",\n \"size\": 9,\n"
            " \"flags\": {\n  \"a\\n\": true,\n  \"b\": false\n },\n \"parts\": [\n"
            "  {\"name\": \"one\\\\x5c\", \"colour\": \"red\"},\n  {\"name\": \"\\\\x01\"}\n ]\n}\n");
  EXPECT_EQ(parse_json(whole_fields, text, "x"), whole);
  const auto compact = json_text(whole_fields, Whole{}, JsonWriter::Space::none);
  EXPECT_EQ(compact, with("0", "").replace(with("0", "").find("1,\"path"), 1, "0"));
  EXPECT_EQ(parse_json(whole_fields, compact, "x"), Whole{});
}

TEST(JsonRecord, FieldsComeInAnyOrderButOnceAndNoOthers) {
  EXPECT_EQ(message_of(R"({"parts":[],"flags":{},"path":null,"retries":1,"time":2,"format":3})"), "accepted");
  EXPECT_EQ(message_of(with("1", R"(,"more":1)")), "x:1:68: unknown field \"more\"");
  EXPECT_EQ(message_of(with("1", R"(,"time":1)")), "x:1:68: field \"time\" appears twice");
  EXPECT_EQ(message_of(R"({"flags":{"a":true,"a":true}})"), "x:1:20: \"a\" appears twice");
  EXPECT_EQ(message_of(R"({"format":3})"), "x:1:1: field \"time\" is missing");
  EXPECT_EQ(message_of("[]"), "x:1:1: expected an object");
  EXPECT_EQ(message_of(with("1", "") + "{}"), "x:1:68: unexpected text after the end");
  EXPECT_EQ(message_of(R"({"format":4})"), "x:1:11: format 4 is not supported: this Karapace reads 3");
}

TEST(JsonRecord, ValuesAreOfTheirType) {
  EXPECT_EQ(message_of(with("\"1\"", "")), "x:1:20: expected a whole number, not negative");
  EXPECT_EQ(message_of(with("- 1", "")), "x:1:20: expected a whole number");
  EXPECT_EQ(message_of(with("9223372036854775808", "")), "x:1:20: the number is too large");
  EXPECT_EQ(message_of(R"({"retries":4294967296})"), "x:1:12: the number is too large");
  EXPECT_EQ(message_of(R"({"path":"\\x5"})"), "x:1:9: an escape is malformed");
  EXPECT_EQ(message_of(R"({"parts":[{"colour":"blue"}]})"), "x:1:21: \"blue\" must be red");
}

TEST(JsonRecord, TextThatIsNoUtf8IsNotWritten) {
  Whole whole;
  whole.flags["\xff"] = true;
  EXPECT_THROW(json_text(whole_fields, whole), std::invalid_argument);
}

}  // namespace
}  // namespace karapace::tests
