// SPDX-License-Identifier: Apache-2.0
// Archives that nobody should make, and what is said of them: root file systems first, then packages.
//
// docs/packages-compared.md tells what dpkg does with the same packages.
#include <clocale>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/steps/tar_builder.hpp"
#include "tests/steps/unpack_fixture.hpp"

namespace karapace::steps {
namespace {

struct Case {
  const char* title;
  std::string bytes;
  std::string said;  // its beginning
};

class HostileArchives : public Unpacking {
 protected:
  void expect(const std::string& format, const std::vector<Case>& cases) {
    for (const auto& one : cases) {
      const auto said = unpacking(format, one.bytes);
      EXPECT_EQ(said.substr(0, one.said.size()), one.said) << one.title;
      EXPECT_LT(said.size(), 600U) << one.title << ": nobody reads that";
    }
  }
};

const TarEntry top{.name = "./", .type = '5', .mode = 0755};

/// A root file system with these entries.
std::string root(const std::vector<TarEntry>& entries) {
  TarBuilder tar;
  tar.add(top);
  for (const auto& entry : entries) tar.add(entry);
  return tar.finish();
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i) result += text;
  return result;
}

const std::string refused = "unpack x: refused: ";

TEST_F(HostileArchives, WithPathsThatAreTooLongAreRefused) {
  const std::string way(200'000, 'x');
  const auto deep = repeated("a/", 100'000) + "b";
  const auto long_name = "etc/" + std::string(256, 'n');
  expect("tar", {
                    {"a deep path", root({{.name = "./" + deep}}), refused + "a path is longer than 3072 bytes"},
                    {"a long name", root({{.name = "./" + long_name}}),
                     refused + "a name in a path is longer than 255 bytes, which file systems do not hold: make it "
                               "shorter; the path begins with \"/etc/nnn"},
                    {"a name that just fits", root({{.name = "./" + std::string(255, 'n')}}), "accepted"},
                    {"a deep way out", root({{.name = "../" + deep}}), refused + "the path \"../a/a/"},
                    {"a deep absolute path", root({{.name = "/" + deep}}), refused + "the path \"/a/a/"},
                    {"a hard link to a deep path", root({{.name = "h", .type = '1', .link = deep}}),
                     refused + "a path is longer than 3072 bytes"},
                    {"a link with a long target", root({{.name = "l", .type = '2', .link = way}}),
                     refused + "the target of the link \"l\" is longer than 4095 bytes"},
                    {"a link with the longest target",
                     root({{.name = "l", .type = '2', .link = std::string(4095, 'x')}}), "accepted"},
                    {"a link without a target", root({{.name = "l", .type = '2'}}),
                     refused + "the link \"l\" leads nowhere: its target is empty"},
                });
}

TEST_F(HostileArchives, WithOwnersThatNoFileCanHaveAreRefused) {
  const auto who = [](std::uint64_t uid, std::uint64_t gid) { return root({{.name = "a", .uid = uid, .gid = gid}}); };
  const auto said = refused + "the owner or the group of \"a\" is ";
  expect("tar", {
                    {"the last user", who(4'294'967'294, 0), "accepted"},
                    {"the last group", who(0, 4'294'967'294), "accepted"},
                    {"no user", who(4'294'967'295, 0), said + "4294967295, which no file can have"},
                    {"no group", who(0, 4'294'967'295), said + "4294967295"},
                    {"a user that would be root", who(4'294'967'296, 0), said + "4294967296"},
                    {"a group below zero", who(0, ~std::uint64_t{0}), said},
                });
}

/// What is written must be what is listed, and the same on every file system.
TEST_F(HostileArchives, WithTimesThatNotEveryFileSystemHoldsGetTheNearest) {
  constexpr std::int64_t first = -2'147'483'648;
  constexpr std::int64_t last = 2'147'483'647;
  const std::vector<std::pair<std::int64_t, std::int64_t>> times = {{0, 0},
                                                                    {-1, -1},
                                                                    {first, first},
                                                                    {first - 1, first},
                                                                    {-(std::int64_t{1} << 50), first},
                                                                    {last, last},
                                                                    {last + 1, last},
                                                                    {15'032'385'536, last},
                                                                    {std::int64_t{1} << 62, last}};
  for (const auto& [given, kept] : times) {
    layer_of("tar", root({{.name = "d", .type = '5', .mtime = given},
                          {.name = "a", .mtime = given},
                          {.name = "l", .type = '2', .link = "a", .mtime = given},
                          {.name = "p", .type = '6', .mtime = given}}));
    for (const char* name : {"d", "a", "l", "p"}) EXPECT_EQ(listing().find(name)->mtime, kept) << name << " " << given;
    EXPECT_EQ(listing().text(), scanned().text()) << given;
  }
}

TEST_F(HostileArchives, WithHeadersThatCanNotBeReadExactlyAreRefused) {
  const auto with_headers = [](const std::string& content) {
    return TarBuilder().add({.name = "PaxHeaders/x", .type = 'x', .content = content}).add({.name = "f"}).finish();
  };
  const auto inexact = refused + "it can not be read exactly: ";
  TarBuilder many;
  for (int i = 0; i < 40; ++i) many.add({.name = "././@LongLink", .type = 'L', .content = "f"});
  expect("tar",
         {
             {"a length that is wrong", with_headers("99 path=x\n"),
              inexact + "Ignoring malformed pax extended attribute"},
             {"no length", with_headers("path=x\n"), inexact + "Ignoring malformed pax extended attributes"},
             {"no value", with_headers("7 path\n"), inexact + "Invalid pax extended attributes"},
             {"a map of holes that is none", TarBuilder().add_pax("GNU.sparse.map", "x").add({.name = "f"}).finish(),
              inexact + "an extended header is not understood"},
             {"too many", many.add({.name = "f"}).finish(), inexact + "Too many special headers"},
         });
}

TEST_F(HostileArchives, KeepTheBytesOfTheirNamesInEveryLocale) {
  const std::string decomposed = "cafe\xcc\x81";
  const std::string composed = "caf\xc3\xa9";
  const std::string none = "caf\xff";
  TarBuilder tar;
  for (const auto& name : {decomposed, composed, none}) tar.add_pax("path", name).add({.name = "f"});
  tar.add_pax("linkpath", decomposed).add({.name = "link", .type = '2', .link = "x"});
  for (const char* locale : {"C", "C.UTF-8"}) {
    ASSERT_NE(std::setlocale(LC_CTYPE, locale), nullptr);
    layer_of("tar", tar.finish());
    std::setlocale(LC_CTYPE, "C");
    for (const auto& name : {decomposed, composed, none}) EXPECT_NE(listing().find(name), nullptr) << locale;
    EXPECT_EQ(listing().find("link")->target, decomposed) << locale;
  }
}

}  // namespace
}  // namespace karapace::steps
