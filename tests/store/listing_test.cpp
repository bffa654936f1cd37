// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <random>

#include <fmt/format.h>

#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

Entry directory(std::string path) { return {.path = std::move(path), .type = EntryType::directory, .mode = 0755}; }

Entry file(std::string path, std::string_view content) {
  return {.path = std::move(path),
          .type = EntryType::regular,
          .mode = 0644,
          .size = content.size(),
          .content = blake3(content)};
}

/// One entry of each type, with everything that a listing can say.
std::vector<Entry> one_of_each() {
  Entry root = directory("");
  Entry usr = directory("usr");
  usr.mode = 02775;
  usr.uid = 1000;
  usr.gid = 4294967294;
  usr.mtime = -7;
  usr.opaque = true;
  usr.xattrs = {{"user.note", "a b=c\\"}, {"user.empty", ""}};
  Entry tool = file("usr/tool", "content");
  tool.mode = 04755;
  tool.mtime = 1700000000;
  tool.xattrs = {{"user.a=b", std::string("\0\xff", 2)}};
  Entry odd = file("usr/odd \n\xff name", "");
  Entry link{.path = "bin", .type = EntryType::symlink, .uid = 5, .gid = 6, .mtime = 9, .target = "usr/a b"};
  Entry other{.path = "usr/tool2", .type = EntryType::hardlink, .target = "usr/tool"};
  Entry pipe{.path = "usr/pipe", .type = EntryType::fifo, .mode = 0600};
  Entry gone{.path = "usr/gone", .type = EntryType::whiteout};
  return {gone, pipe, other, link, odd, tool, usr, root};
}

constexpr std::string_view golden =
    "karapace listing 1\n"
    "d / 0755 0 0 0\n"
    "l /bin 5 6 9 usr/a\\x20b\n"
    "d /usr 2775 1000 4294967294 -7 opaque user.empty= user.note=a\\x20b=c\\x5c\n"
    "w /usr/gone\n"
    "f /usr/odd\\x20\\x0a\\xff\\x20name 0644 0 0 0 0 af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262\n"
    "p /usr/pipe 0600 0 0 0\n"
    "f /usr/tool 4755 0 0 1700000000 7 3fba5250be9ac259c56e7250c526bc83bacb4be825f2799d3d59e5b4878dd74e"
    " user.a\\x3db=\\x00\\xff\n"
    "h /usr/tool2 /usr/tool\n";

TEST(ListingTest, TheTextIsTheOneInTheHashContract) {
  Listing listing(one_of_each());
  EXPECT_EQ(listing.text(), golden);
  EXPECT_EQ(listing.id().hex(), blake3(golden).hex());
}

TEST(ListingTest, WhatFormat1CanNotSayIsWrittenInFormat2) {
  auto entries = one_of_each();
  for (auto& entry : entries) {
    if (entry.path == "usr") entry.nanoseconds = 40;
    if (entry.path == "bin") entry.nanoseconds = 999'999'999;
    if (entry.path == "usr/tool") entry.xattrs = {{"user.overlay.overlay.opaque", "y"}};
  }
  Listing listing(entries);
  std::string text(golden);
  auto replace = [&](std::string_view before, std::string_view after) {
    text.replace(text.find(before), before.size(), after);
  };
  replace("listing 1", "listing 2");
  replace(" 9 usr/a", " 9.999999999 usr/a");
  replace(" -7 opaque", " -7.000000040 opaque");
  replace("user.a\\x3db=\\x00\\xff", "user.overlay.overlay.opaque=y");
  EXPECT_EQ(listing.format(), 2);
  EXPECT_EQ(listing.text(), text);
  EXPECT_EQ(Listing::parse(text, "listing X").entries(), listing.entries());
}

TEST(ListingTest, ATextInTheWrongFormatOrWithAMalformedTimeIsRefused) {
  auto refusal = [](std::string text) { return error_of([&] { Listing::parse(text, "listing X"); }); };
  EXPECT_EQ(
      refusal("karapace listing 2\nd / 0755 0 0 0\n"),
      "listing X is damaged: it is not written in the format that it needs; run `karapace verify-store --repair`");
  EXPECT_EQ(
      refusal("karapace listing 1\nd / 0755 0 0 0.000000001\n"),
      "listing X is damaged: it is not written in the format that it needs; run `karapace verify-store --repair`");
  for (const char* time : {"1.", "1.5", ".000000001", "1.000000000", "1.0000000010", "1.00000000x", "-0.000000001"})
    EXPECT_NE(refusal(fmt::format("karapace listing 2\nd / 0755 0 0 {}\n", time)).find("line 2: "), std::string::npos)
        << time;
}

TEST(ListingTest, TheLastIdIsTheOneBeforeTheLargestNumber) {
  Entry root = directory("");
  root.uid = root.gid = largest_id;
  EXPECT_NO_THROW(Listing({root}));
  root.gid = largest_id + 1;
  EXPECT_EQ(error_of([&] { Listing({root}); }), "a listing can not hold \"/\": its owner is a number that is no id");
}

TEST(ListingTest, ParsingIsTheInverseOfWriting) {
  Listing listing(one_of_each());
  EXPECT_EQ(Listing::parse(golden, "listing").entries(), listing.entries());
}

std::string random_bytes(std::mt19937& random, std::size_t longest, bool with_nul) {
  std::string bytes(1 + random() % longest, '\0');
  for (auto& byte : bytes) {
    do {
      byte = static_cast<char>(random());
    } while (byte == '/' || (byte == '\0' && !with_nul));
  }
  return bytes == "." || bytes == ".." ? "dots" : bytes;
}

TEST(ListingTest, RandomEntriesWithAnyBytesComeBackAsTheyWere) {
  std::mt19937 random(7);
  std::vector<Entry> entries{directory("")};
  std::vector<std::string> directories{""};
  std::set<std::string> used;
  for (int i = 0; i < 3000; ++i) {
    auto parent = directories[random() % directories.size()];
    auto path = parent + (parent.empty() ? "" : "/") + random_bytes(random, 12, false);
    if (!used.insert(path).second) continue;
    Entry entry{.path = path,
                .mode = static_cast<std::uint32_t>(random() % 010000),
                .uid = static_cast<std::uint32_t>(random()),
                .gid = static_cast<std::uint32_t>(random()),
                .mtime = static_cast<std::int64_t>(random()) - 2'000'000'000};
    constexpr EntryType types[] = {EntryType::directory, EntryType::regular, EntryType::symlink, EntryType::fifo,
                                   EntryType::whiteout};
    entry.type = types[random() % 5];
    if (entry.type == EntryType::directory) directories.push_back(path);
    entry.opaque = random() % 2 == 0;
    entry.size = random();
    entry.content = blake3(path);
    entry.target = random_bytes(random, 20, false);
    if (random() % 4 == 0)
      entry.xattrs.push_back({"user." + random_bytes(random, 8, false), random_bytes(random, 30, true)});
    entries.push_back(std::move(entry));
  }
  Listing listing(entries);
  auto text = listing.text();
  EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7f); }));
  auto parsed = Listing::parse(text, "listing");
  EXPECT_EQ(parsed.entries(), listing.entries());
  EXPECT_EQ(parsed.text(), text);
}

TEST(ListingTest, TheOrderInWhichEntriesAreGivenDoesNotMatter) {
  auto entries = one_of_each();
  std::mt19937 random(1);
  for (int i = 0; i < 20; ++i) {
    std::shuffle(entries.begin(), entries.end(), random);
    EXPECT_EQ(Listing(entries).text(), golden);
  }
}

TEST(ListingTest, EntriesThatMakeNoTreeAreRefused) {
  auto refusal = [](std::vector<Entry> entries) { return error_of([&] { Listing listing(entries); }); };
  auto root = directory("");
  EXPECT_EQ(refusal({}), "a listing can not hold \"/\": the root is missing");
  EXPECT_EQ(refusal({root, file("a", ""), file("a", "")}), "a listing can not hold \"/a\": it appears twice");
  EXPECT_EQ(refusal({root, file("a/b", "")}), "a listing can not hold \"/a/b\": its directory is missing");
  EXPECT_EQ(refusal({root, file("a", ""), file("a/b", "")}),
            "a listing can not hold \"/a/b\": its directory is missing");
  EXPECT_EQ(refusal({root, file("../a", "")}), "a listing can not hold \"/../a\": the path is not clean");
  EXPECT_EQ(refusal({root, file("/a", "")}), "a listing can not hold \"//a\": the path is not clean");
  EXPECT_EQ(refusal({root, directory("a"), file("a/", "")}), "a listing can not hold \"/a/\": the path is not clean");
  Entry link{.path = "a", .type = EntryType::hardlink, .target = "b"};
  EXPECT_EQ(refusal({root, link, file("b", "")}),
            "a listing can not hold \"/a\": its first name is not a file before it");
}

TEST(ListingTest, ADamagedTextIsRefusedWithTheLine) {
  auto refusal = [](std::string text) { return error_of([&] { Listing::parse(text, "listing X"); }); };
  std::string head = "karapace listing 1\nd / 0755 0 0 0\n";
  constexpr auto remedy = "; run `karapace verify-store --repair`";
  auto expect = [&](std::string line, std::string reason) {
    EXPECT_EQ(refusal(head + line), fmt::format("listing X is damaged: line 3: {}{}", reason, remedy)) << line;
  };
  EXPECT_EQ(refusal("karapace listing 3\n"),
            "listing X is damaged: line 1: this is not a listing of format 1 or 2; run "
            "`karapace verify-store --repair`");
  expect("d /a 0755 0 0 0", "its end is missing");
  expect("q /a\n", "the type is unknown");
  expect("w a\n", "a path does not begin with a slash");
  expect("d /a 755 0 0 0\n", "a mode does not have four digits");
  expect("d /a 0799 0 0 0\n", "a mode is not octal");
  expect("d /a 0755 00 0 0\n", "a number is malformed");
  expect("d /a 0755 -1 0 0\n", "a number is malformed");
  expect("d /a 0755 0 0 -0\n", "a number is malformed");
  expect("d /a 0755 0 0 -\n", "a number is malformed");
  expect("d /a 0755 4294967296 0 0\n", "a number is malformed");
  expect("d /a  0755 0 0 0\n", "a field is empty");
  expect("d /a 0755 0 0\n", "a field is missing");
  expect("d /a 0755 0 0 0 \n", "a field is empty");
  expect("w /\\x41\n", "an escape is malformed");
  expect("w /\\x0A\n", "an escape is malformed");
  expect("w /\\\n", "an escape is malformed");
  expect("w /a 0\n", "there are more fields than expected");
  expect("f /a 0644 0 0 0 0 beef\n", "a digest is malformed");
  expect("d /a 0755 0 0 0 user.x\n", "an attribute is malformed");
  expect("d /a 0755 0 0 0 user.b=1 user.a=1\n", "the attributes are not sorted");
  expect("w /\n", "the paths are not sorted");
}

TEST(ListingTest, SixtyThousandEntriesAreWrittenAndReadInAMoment) {
  std::vector<Entry> entries{directory("")};
  for (int i = 0; i < 600; ++i) {
    auto parent = fmt::format("usr-share-doc-{}", i);
    entries.push_back(directory(parent));
    for (int j = 0; j < 100; ++j) entries.push_back(file(fmt::format("{}/some-longer-name-{}.txt", parent, j), parent));
  }
  Listing listing(std::move(entries));
  auto start = std::chrono::steady_clock::now();
  auto text = listing.text();
  auto written = std::chrono::steady_clock::now();
  auto parsed = Listing::parse(text, "listing");
  auto read = std::chrono::steady_clock::now();
  EXPECT_EQ(parsed.entries().size(), listing.entries().size());
  auto milliseconds = [](auto duration) { return std::chrono::duration<double, std::milli>(duration).count(); };
  RecordProperty("text_ms", std::to_string(milliseconds(written - start)));
  RecordProperty("parse_ms", std::to_string(milliseconds(read - written)));
  EXPECT_LT(milliseconds(read - start), 20'000);  // about 40 ms: only what grows with the square takes this long
}

}  // namespace
}  // namespace karapace::store
