// SPDX-License-Identifier: Apache-2.0
// Extended headers of root file system archives: nothing that stands in them is lost without a word.
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/steps/tar_builder.hpp"
#include "tests/steps/unpack_fixture.hpp"

namespace karapace::steps {
namespace {

using Records = std::vector<std::pair<std::string, std::string>>;

class TarHeaders : public Unpacking {
 protected:
  /// What is said of an archive with one file "f" that has these records.
  std::string said_of(const Records& records, const std::string& content = "") {
    return unpacking("tar", TarBuilder().add_pax(records).add({.name = "f", .content = content}).finish());
  }
  static std::string inexact(const std::string& reason) {
    return "unpack x: refused: \"f\" can not be read exactly: " + reason;
  }
  std::string attribute(const std::string& name) const {
    const auto all = listing();
    for (const auto& xattr : all.find("f")->xattrs)
      if (xattr.name == name) return xattr.value;
    return "(none)";
  }
};

std::string little_endian(std::vector<std::uint32_t> words) {
  std::string bytes;
  for (auto word : words)
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(word >> 8 * i);
  return bytes;
}

const std::string version_2 = little_endian({0x02000001, 0x2000, 0, 0, 0});
const std::string version_3 = little_endian({0x03000001, 0x2000, 0, 0, 0, 1000});

TEST_F(TarHeaders, GiveCapabilitiesWithoutTheNamespaceInWhichTheyWereSet) {
  ASSERT_EQ(said_of({{"SCHILY.xattr.security.capability", version_3}}), "accepted");
  EXPECT_EQ(attribute("security.capability"), version_2);
  EXPECT_EQ(listing().text(), scanned().text());
  ASSERT_EQ(said_of({{"SCHILY.xattr.security.capability", version_2}}), "accepted");
  EXPECT_EQ(attribute("security.capability"), version_2);
  EXPECT_EQ(listing().text(), scanned().text());
}

TEST_F(TarHeaders, WithCapabilitiesThatAreNoneAreRefused) {
  for (const auto& value : {std::string(), std::string("x"), little_endian({0x01000001, 0x2000, 0}),
                            version_3.substr(0, 20), version_2 + std::string(4, '\0'), version_3 + "x",
                            little_endian({0x04000001, 0, 0, 0, 0, 0}), little_endian({0x02000003, 0x2000, 0, 0, 0})})
    EXPECT_EQ(said_of({{"SCHILY.xattr.security.capability", value}}),
              "unpack x: refused: the attribute security.capability of \"f\" is no capability of version 2 or 3, and "
              "no other can be set");
}

TEST_F(TarHeaders, MayHaveAnAttributeTwiceButNotWithTwoValues) {
  ASSERT_EQ(said_of({{"SCHILY.xattr.user.a", "1"}, {"LIBARCHIVE.xattr.user.a", "MQ"}}), "accepted");
  EXPECT_EQ(attribute("user.a"), "1");
  ASSERT_EQ(said_of({{"SCHILY.xattr.user.a", "1"}, {"LIBARCHIVE.xattr.user.a", "MQ=="}}), "accepted");
  EXPECT_EQ(said_of({{"SCHILY.xattr.user.a", "1"}, {"LIBARCHIVE.xattr.user.a", "Mg"}}),
            "unpack x: refused: the attribute user.a of \"f\" has two values");
}

TEST_F(TarHeaders, WithAttributesThatNoFileCanHaveAreRefusedByName) {
  const std::string said = "unpack x: refused: the attribute ";
  EXPECT_EQ(said_of({{"SCHILY.xattr.user.", "1"}}), said + "user. of \"f\" has no name");
  EXPECT_EQ(said_of({{"SCHILY.xattr.user.a", std::string(65'537, 'x')}}),
            said + "user.a of \"f\" has a value of more than 64 KiB");
  const auto long_name = "user." + std::string(251, 'n');
  EXPECT_EQ(said_of({{"SCHILY.xattr." + long_name, "1"}}),
            said + long_name.substr(0, 80) + "... of \"f\" has a name of more than 255 bytes");
}

// How many bytes of attributes a file can have, each file system says for itself.
TEST_F(TarHeaders, WithAttributesThatTheFileSystemDoesNotHoldAreToldWithTheirArchive) {
  Records many;
  for (int i = 0; i < 15; ++i) many.emplace_back("SCHILY.xattr.user." + std::to_string(i), std::string(60'000, 'x'));
  try {
    EXPECT_EQ(said_of(many), "accepted");
  } catch (const StoreError& error) {
    EXPECT_EQ(std::string(error.what()).substr(0, 26), "unpack x: cannot set user.") << error.what();
  }
}

TEST_F(TarHeaders, WithAttributesThatAreNoBase64AreRefused) {
  for (const char* value : {"!!!!", "MQ MQ", "M", "MTIzN", "M=Q", "MT_I"})
    EXPECT_EQ(said_of({{"LIBARCHIVE.xattr.user.a", value}}),
              inexact("the value of LIBARCHIVE.xattr.user.a is no base64"))
        << value;
  EXPECT_EQ(said_of({{"LIBARCHIVE.xattr.user.a", ""}}), "accepted");
}

// libarchive tells the last of its warnings only, and a name that is no ASCII is one that loses nothing.
TEST_F(TarHeaders, WithAWarningBehindAHarmlessOneAreRefused) {
  const std::pair<std::string, std::string> harmless{"uname", "caf\xc3\xa9"};
  EXPECT_EQ(said_of({harmless}), "accepted");
  EXPECT_EQ(said_of({{"GNU.sparse.map", "0,1,x"}, harmless}, "1"),
            inexact("GNU.sparse.map stands beside a name that is no ASCII"));
  EXPECT_EQ(said_of({{"SCHILY.acl.access", "nonsense"}, harmless}),
            inexact("SCHILY.acl.access stands beside a name that is no ASCII"));
  EXPECT_EQ(said_of({{"SCHILY.xattr.user.a", "1"}, {"mtime", "5.5"}, {"path", "caf\xc3\xa9"}}), "accepted");
}

TEST_F(TarHeaders, WithMapsOfSparseFilesThatDoNotAddUpAreRefused) {
  const auto map = [&](const std::string& size, const std::string& blocks, const std::string& content) {
    return said_of({{"GNU.sparse.size", size}, {"GNU.sparse.map", blocks}}, content);
  };
  EXPECT_EQ(map("10", "0,1,5,1", "ab"), "accepted");
  EXPECT_EQ(file("f"), std::string("a\0\0\0\0b\0\0\0\0", 10));
  EXPECT_EQ(map("10", "0,1", "ab"), inexact("its map of a sparse file names 1 bytes, and 2 are there"));
  EXPECT_EQ(map("10", "0,1,5,2", "ab"), inexact("its map of a sparse file names 3 bytes, and 2 are there"));
  EXPECT_EQ(map("10", "0,1,50,1", "ab"), inexact("its map of a sparse file names 1 bytes, and 2 are there"));
  EXPECT_EQ(map("x", "0,1", "a"), inexact("GNU.sparse.size=x is no number"));
  EXPECT_EQ(said_of({{"SCHILY.realsize", "1"}}, "abc"),
            inexact("its map of a sparse file names 0 bytes, and 3 are there"));
}

TEST_F(TarHeaders, OfSparseFilesWithTheirMapInTheBodyAreJudgedToo) {
  const auto body = [&](std::string map, const std::string& data) {
    map.resize(512, '\0');
    return said_of({{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.realsize", "10"}}, map + data);
  };
  EXPECT_EQ(body("2\n0\n1\n5\n1\n", "ab"), "accepted");
  EXPECT_EQ(file("f"), std::string("a\0\0\0\0b\0\0\0\0", 10));
  EXPECT_EQ(body("3\n0\n1\n5\n1\n10\n0\n", "ab"), "accepted");
  EXPECT_EQ(body("1\n0\n1\n", "ab"), inexact("its map of a sparse file names 1 bytes, and 2 are there"));
}

TEST_F(TarHeaders, ThatLibarchiveWouldLoseAreRefused) {
  EXPECT_EQ(said_of({{"path", std::string("f\0g", 3)}}), inexact("there is a NUL in path"));
  EXPECT_EQ(said_of({{"SCHILY.xattr.user.a", std::string("1\0002", 3)}}), "accepted");
  EXPECT_EQ(attribute("user.a"), std::string("1\0002", 3));
  const auto global = [&](const std::string& record) {
    return unpacking("tar",
                     TarBuilder().add({.name = "g", .type = 'g', .content = record}).add({.name = "f"}).finish());
  };
  EXPECT_EQ(global("12 uid=1234\n"), inexact("a global extended header sets uid of all entries"));
  EXPECT_EQ(global("13 comment=a\n"), "accepted");
}

TEST_F(TarHeaders, OfHardLinksWithBytesOfTheirOwnAreRefused) {
  const auto link = [&](const std::string& content) {
    return unpacking("tar", TarBuilder()
                                .add({.name = "a", .content = "1"})
                                .add_pax({{"comment", "x"}})
                                .add({.name = "f", .type = '1', .content = content, .link = "a"})
                                .finish());
  };
  EXPECT_EQ(link(""), "accepted");
  EXPECT_EQ(link("2"), inexact("it is a hard link with bytes of its own"));
}

TEST_F(TarHeaders, OfFilesThatWouldBecomeDirectoriesAndLeaveTheirBytesAreRefused) {
  EXPECT_EQ(unpacking("tar", TarBuilder().add({.name = "d/", .content = std::string(512, 'x')}).finish()),
            "unpack x: refused: \"d/\" can not be read exactly: it is a file whose name ends as that of a directory, "
            "and has bytes");
  EXPECT_EQ(unpacking("tar", TarBuilder().add({.name = "d/"}).finish()), "accepted");
}

TEST_F(TarHeaders, MayStandAnywhereInALargeArchive) {
  TarBuilder tar;
  const std::string bytes(1'000'000, 'x');
  for (int i = 0; i < 12; ++i) {
    tar.add_pax({{"comment", std::string(60'000, 'a')}});
    tar.add({.name = "f" + std::to_string(i), .content = bytes.substr(static_cast<std::size_t>(i) * 333)});
  }
  ASSERT_EQ(unpacking("tar", tar.finish()), "accepted");
  EXPECT_EQ(listing().find("f11")->size, 1'000'000U - 11 * 333);
}

}  // namespace
}  // namespace karapace::steps
