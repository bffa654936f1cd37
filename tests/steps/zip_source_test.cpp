// SPDX-License-Identifier: Apache-2.0
// source: zip archives as trees to build in.
#include <cstdlib>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "tests/steps/tar_builder.hpp"
#include "tests/steps/unpack_fixture.hpp"
#include "tests/steps/zip_builder.hpp"

namespace karapace::steps {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct ZipSource : Unpacking {
  std::string reading(const std::string& format, const std::string& bytes) {
    return performing(
        Step::normalised(StepKind::source, {{"format", format}, rules_of(StepKind::source)}, {fetched(bytes)}), source);
  }
  std::string zipped(const std::vector<ZipEntry>& entries) {
    ZipBuilder zip;
    for (const auto& entry : entries) zip.add(entry);
    return reading("zip", zip.finish());
  }
  std::vector<std::string> paths() const {
    std::vector<std::string> all;
    const auto made = listing();
    for (const auto& entry : made.entries()) all.push_back(entry.path);
    return all;
  }
};

TEST_F(ZipSource, AZipHasThePermissionsAndLinksThatItTells) {
  ASSERT_EQ(zipped({{.name = "app-1/", .mode = S_IFDIR | 0755},
                    {.name = "app-1/configure", .content = "#!/bin/sh\n", .mode = S_IFREG | 0755},
                    {.name = "app-1/src/main.c", .content = "int main;\n"},
                    {.name = "app-1/latest", .content = "src/main.c", .mode = S_IFLNK | 0777},
                    {.name = "app-1/setid", .content = "x", .mode = S_IFREG | 06750},
                    {.name = "app-1/plain", .content = "x", .mode = 0}}),
            "accepted");
  EXPECT_THAT(paths(), ElementsAre("", "configure", "latest", "plain", "setid", "src", "src/main.c"));
  const auto made = listing();
  EXPECT_EQ(made.find("configure")->mode, 0755u);
  EXPECT_EQ(made.find("setid")->mode, 0750u);
  EXPECT_EQ(made.find("plain")->mode, 0664u);
  EXPECT_EQ(made.find("latest")->target, "src/main.c");
  EXPECT_EQ(file("src/main.c"), "int main;\n");
}

TEST_F(ZipSource, AZipIsTheSameTreeInEveryTimeZone) {
  const std::vector<ZipEntry> entries{{.name = "a", .content = "1"}, {.name = "d/b", .content = "2"}};
  ASSERT_EQ(zipped(entries), "accepted");
  const auto made = listing();
  for (const auto& path : {"a", "d", "d/b"}) EXPECT_EQ(made.find(path)->mtime, 946'684'800) << path;
  ::setenv("TZ", "Pacific/Auckland", 1);
  ASSERT_EQ(zipped(entries), "accepted");
  ::unsetenv("TZ");
  EXPECT_EQ(listing().id(), made.id());
}

TEST_F(ZipSource, NamesInAZipAreItsBytesOrComposedUtf8) {
  ASSERT_EQ(zipped({{.name = "gr\xc3\xbc\xc3\x9f", .content = "x", .flags = ZipBuilder::utf8},
                    {.name = "latin-\xfc", .content = "y"}}),
            "accepted");
  EXPECT_THAT(paths(), ElementsAre("", "gr\xc3\xbc\xc3\x9f", "latin-\xfc"));
  EXPECT_THAT(zipped({{.name = "\xc3\xbc", .content = "x", .flags = ZipBuilder::utf8},
                      {.name = "u\xcc\x88", .content = "y", .flags = ZipBuilder::utf8}}),
              HasSubstr("appears twice"));
  EXPECT_THAT(zipped({{.name = "bad\xff", .content = "x", .flags = ZipBuilder::utf8}}),
              HasSubstr("refused: it can not"));
}

TEST_F(ZipSource, ZipsThatNobodyShouldMakeAreRefused) {
  const ZipEntry link{.name = "link", .content = "/etc", .mode = S_IFLNK | 0777};
  EXPECT_EQ(zipped({{.name = "../x", .content = "1"}}),
            "source x: refused: the path \"../x\" leads outside with \"..\"");
  EXPECT_EQ(zipped({{.name = "/etc/x", .content = "1"}}), "source x: refused: the path \"/etc/x\" is absolute");
  EXPECT_EQ(zipped({{.name = "..\\x", .content = "1", .mode = 0}}),
            "source x: refused: the path \"../x\" leads outside with \"..\"");
  EXPECT_EQ(zipped({link, {.name = "link/passwd", .content = "1"}}),
            "source x: refused: \"link/passwd\" passes through \"link\", which is not a directory of this archive");
  EXPECT_EQ(zipped({{.name = "a", .content = "1"}, {.name = "a", .content = "2"}}),
            "source x: refused: \"a\" appears twice");
  EXPECT_EQ(zipped({{.name = "secret", .content = "123456789012345", .flags = ZipBuilder::encrypted}}),
            "source x: refused: \"secret\" is encrypted");
  EXPECT_THAT(zipped({{.name = "device", .mode = S_IFCHR | 0600}}), HasSubstr("is a device node or a socket"));
}

TEST_F(ZipSource, DamagedZipsAreRefused) {
  EXPECT_THAT(zipped({{.name = "a", .content = "1", .crc_mistake = 1}}), HasSubstr("the archive is damaged"));
  EXPECT_THAT(zipped({{.name = "a", .content = "1", .size_mistake = 1}}), HasSubstr("the archive is damaged"));
  const auto whole = ZipBuilder().add({.name = "a", .content = "1"}).finish();
  EXPECT_THAT(reading("zip", whole.substr(0, whole.size() - 30)), HasSubstr("not a readable archive"));
  EXPECT_THAT(reading("zip", TarBuilder().add({.name = "a"}).finish()), HasSubstr("not a readable archive"));
}

TEST_F(ZipSource, AZipUnpacksToNoMoreThanTheLimit) {
  ::setenv("KARAPACE_UNPACK_LIMIT", "1048576", 1);
  const auto said = zipped(
      {{.name = "a", .content = std::string(700'000, 'a')}, {.name = "b", .content = std::string(700'000, 'b')}});
  ::unsetenv("KARAPACE_UNPACK_LIMIT");
  EXPECT_THAT(said, HasSubstr("unpacks to more than 1 MiB"));
}

TEST_F(ZipSource, AZipThatIsCalledOtherwiseIsNamed) {
  EXPECT_EQ(
      reading("tar", ZipBuilder().add({.name = "a", .content = "1"}).finish()),
      "source x: it is a zip archive, and its name does not say so: keep it in the project under a name that ends "
      "in .zip");
}

}  // namespace
}  // namespace karapace::steps
