// SPDX-License-Identifier: Apache-2.0
// Archives that nobody should make, and what is said of them: root file systems first, then packages.
//
// docs/packages-compared.md tells what dpkg does with the same packages.
#include <clocale>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
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

// Each took minutes, or gigabytes of memory, before it was refused or understood.
TEST_F(HostileArchives, OfFewBytesThatMakeMuchWorkAreRefused) {
  std::vector<TarEntry> deep;
  for (int i = 0; i < 10; ++i) deep.push_back({.name = fmt::format("./{}/{}f", i, repeated("a/", 1'500))});
  expect("tar", {{"directories that are left out", root(deep), refused + "it leaves out more than 10000 directories"}});
}

TEST_F(HostileArchives, OfPackagesAreReadInTheTimeThatTheirSizeNeeds) {
  std::string fields = control;
  for (int i = 0; i < 100'000; ++i) fields += fmt::format("X{}: y\n", i);
  TarBuilder files;
  files.add({.name = "./control", .content = fields});
  files.add({.name = "./conffiles", .content = repeated("/f\n", 100'000)});
  TarBuilder data;
  data.add(top);
  data.add({.name = "./f", .content = std::string(std::size_t{1} << 20, 'x')});
  for (int i = 0; i < 2'000; ++i) data.add({.name = fmt::format("./h{}", i), .type = '1', .link = "./f"});
  for (int i = 0; i < 2'000; ++i) data.add(top);
  ASSERT_EQ(unpacking("deb", "!<arch>\n" + member("debian-binary", "2.0\n") + member("control.tar", files.finish()) +
                                 member("data.tar", data.finish())),
            "accepted");
  EXPECT_EQ(file("meta/deb/list").substr(0, 9), "/.\n/f\n/h0");
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
  expect("tar", {
                    {"a length that is wrong", with_headers("99 path=x\n"),
                     inexact + "Ignoring malformed pax extended attribute"},
                    {"no length", with_headers("path=x\n"), inexact + "Ignoring malformed pax extended attributes"},
                    {"no value", with_headers("7 path\n"), inexact + "Invalid pax extended attributes"},
                    {"a map of holes that is none",
                     TarBuilder().add_pax({{"GNU.sparse.map", "x"}}).add({.name = "f"}).finish(),
                     inexact + "an extended header is not understood"},
                    {"too many", many.add({.name = "f"}).finish(), inexact + "Too many special headers"},
                });
}

TEST_F(HostileArchives, KeepTheBytesOfTheirNamesInEveryLocale) {
  const std::string decomposed = "cafe\xcc\x81";
  const std::string composed = "caf\xc3\xa9";
  const std::string none = "caf\xff";
  TarBuilder tar;
  for (const auto& name : {decomposed, composed, none}) tar.add_pax({{"path", name}}).add({.name = "f"});
  tar.add_pax({{"linkpath", decomposed}}).add({.name = "link", .type = '2', .link = "x"});
  for (const char* locale : {"C", "C.UTF-8"}) {
    ASSERT_NE(std::setlocale(LC_CTYPE, locale), nullptr);
    layer_of("tar", tar.finish());
    std::setlocale(LC_CTYPE, "C");
    for (const auto& name : {decomposed, composed, none}) EXPECT_NE(listing().find(name), nullptr) << locale;
    EXPECT_EQ(listing().find("link")->target, decomposed) << locale;
  }
}

TEST_F(HostileArchives, WithPipesThatEverybodyReadsAreRefused) {
  for (const std::string name :
       {"etc/passwd", "etc/ld.so.preload", "var/lib/dpkg/status", "var/lib/dpkg/info/x.list", "etc/dpkg/dpkg.cfg.d/x"})
    EXPECT_EQ(unpacking("tar", root({{.name = name, .type = '6'}})),
              refused + "\"/" + name +
                  "\" is a FIFO, and whoever reads it would wait for ever: make it a file in the "
                  "archive, or leave it out");
  EXPECT_EQ(unpacking("tar", root({{.name = "var/lib/service/control", .type = '6'}})), "accepted");
  const auto said = unpacking("tar", root({{.name = "var/lib/dpkg/\x1b[2J", .type = '6'}}));
  EXPECT_EQ(said.substr(0, refused.size() + 22), refused + "\"/var/lib/dpkg/\\x1b[2J");
}

// Packages.

using Member = std::pair<std::string, std::string>;
const Member format_two{"debian-binary", "2.0\n"};

std::string ar(const std::vector<Member>& members) {
  std::string bytes = "!<arch>\n";
  for (const auto& [name, content] : members) bytes += member(name, content);
  return bytes;
}

const TarEntry control_file{.name = "./control", .content = control};
const TarEntry script{.name = "./postinst", .mode = 0755, .content = "#!/bin/sh\n"};

std::string with_control(std::vector<TarEntry> entries) {
  entries.insert(entries.begin(), control_file);
  return ar({format_two, {"control.tar", root(entries)}, {"data.tar", root({})}});
}

std::string with_data(const std::vector<TarEntry>& entries, const std::string& conffiles = "") {
  std::vector<TarEntry> all = {control_file};
  if (!conffiles.empty()) all.push_back({.name = "./conffiles", .content = conffiles});
  return ar({format_two, {"control.tar", root(all)}, {"data.tar", root(entries)}});
}

std::string with_format(const std::string& text) {
  return ar({{"debian-binary", text}, {"control.tar", root({control_file})}, {"data.tar", root({})}});
}

TEST_F(HostileArchives, OfPackagesWithOddMembersAreRefusedAsDpkgDoes) {
  const Member info{"control.tar", root({control_file})};
  const Member data{"data.tar", root({})};
  const std::string none = "unpack x: not a Debian package: ";
  expect("deb",
         {
             {"unknown beginning with _", ar({format_two, {"_x", "1"}, info, {"_y", "1"}, data}), "accepted"},
             {"unknown after the data", ar({format_two, info, data, {"x", "1"}}), "accepted"},
             {"all twice", ar({format_two, info, data, info, data}), "accepted"},
             {"data first", ar({format_two, data, info}), none + "\"data.tar\" stands where control.tar must stand"},
             {"unknown first", ar({format_two, {"x", "1"}, info, data}), none + "\"x\" stands where control.tar"},
             {"unknown between", ar({format_two, info, {"x", "1"}, data}), none + "\"x\" stands where data.tar"},
             {"two of control", ar({format_two, info, info, data}), none + "\"control.tar\" stands where data.tar"},
             {"no format", ar({info, data}), none + "its first member is not debian-binary"},
             {"format second", ar({{"_x", ""}, format_two, info, data}), none + "its first member is not"},
             {"no data", ar({format_two, info}), none + "it has no data.tar"},
             {"nothing", ar({format_two}), none + "it has no control.tar"},
         });
}

TEST_F(HostileArchives, OfPackagesOfAnotherFormatAreRefusedAsDpkgDoes) {
  for (const char* text : {"2.0\n", "2.1\n", "2.99\n", "02.0\n", "2.0\nmore\n"})
    EXPECT_EQ(unpacking("deb", with_format(text)), "accepted") << text;
  for (const char* text : {"", "\n", "2.0", "2.0 \n", " 2.0\n", "2\n", "2.\n", "2.x\n", "1.0\n", "3.0\n", "20\n",
                           "-2.0\n", "2.99999999999\n", "2.0.1\n"})
    EXPECT_EQ(unpacking("deb", with_format(text)), "unpack x: not a Debian package of format 2") << text;
}

TEST_F(HostileArchives, OfPackagesWithPathsThatDpkgsListsCanNotTellAreRefused) {
  expect(
      "deb",
      {
          {"a newline", with_data({{.name = "./a\nb"}}),
           "unpack x: data.tar: refused: the path \"data/a\\x0ab\" has a newline, and dpkg's lists have a path"},
          {"in a directory", with_data({{.name = "./a\n/", .type = '5'}}), "unpack x: data.tar: refused: the path"},
          {"in a control file", with_control({{.name = "./post\ninst"}}), "unpack x: control.tar: refused: the path"},
          {"other controls, as dpkg", with_data({{.name = "./Icon\r"}, {.name = "./a\tb\x1b"}}), "accepted"},
      });
}

TEST_F(HostileArchives, OfPackagesWithControlFilesThatAreNoneAreRefused) {
  const auto no_file = [](const std::string& name) {
    return refused + "\"control/" + name + "\" is not a regular file";
  };
  expect(
      "deb",
      {
          {"a FIFO", with_control({{.name = "./md5sums", .type = '6'}}), no_file("md5sums")},
          {"a FIFO of any name", with_control({{.name = "./x", .type = '6'}}), no_file("x")},
          {"a link", with_control({{.name = "./triggers", .type = '2', .link = "/etc/shadow"}}), no_file("triggers")},
          {"a directory", with_control({{.name = "./sub/", .type = '5'}}), no_file("sub")},
          {"a file in one", with_control({{.name = "./sub/x"}}), no_file("sub")},
          {"a link to a link",
           with_control({{.name = "./a", .type = '2', .link = "x"}, {.name = "./prerm", .type = '1', .link = "./a"}}),
           no_file("a")},
          {"a hard link", with_control({script, {.name = "./prerm", .type = '1', .link = "./postinst"}}), "accepted"},
      });
}

TEST_F(HostileArchives, OfPackagesThatAreOthersThanTheLocksAreRefused) {
  const auto package = [](const std::string& text) {
    return ar({format_two, {"control.tar", root({{.name = "./control", .content = text}})}, {"data.tar", root({})}});
  };
  const auto said = [](const std::string& found) {
    return refused + "the lock says that it is x 1 (all), and its control file says " + found +
           ": the repository's index";
  };
  expect("deb", {
                    {"name", package("Package: y\nVersion: 1\nArchitecture: all\n"), said("y 1 (all)")},
                    {"version", package("Package: x\nVersion: 1.0\nArchitecture: all\n"), said("x 1.0 (all)")},
                    {"architecture", package("Package: x\nVersion: 1\nArchitecture: amd64\n"), said("x 1 (amd64)")},
                    {"nothing", package("Package: x\nVersion: 1\n"), "unpack x: its control file lacks"},
                });
  locked_ = {{"architecture", "all"}, {"package", "../x"}, {"version", "1"}};
  expect("deb", {{"a way out", package("Package: ../x\nVersion: 1\nArchitecture: all\n"),
                  refused + "it calls itself ../x 1 (all), which is no name of a package"}});
}

/// It is copied into dpkg's status, where one bad package would make every other unreadable.
TEST_F(HostileArchives, OfPackagesWithControlFilesThatDpkgRefusesAreRefused) {
  const std::string good = control;
  const auto with_text = [](const std::string& text) {
    return ar({format_two, {"control.tar", root({{.name = "./control", .content = text}})}, {"data.tar", root({})}});
  };
  const auto of_dpkg = [](const std::string& name) {
    return "unpack x: control: the field \"" + name + "\" is dpkg's, and no package may have it";
  };
  expect(
      "deb",
      {
          {"empty lines around it", with_text("\n\n" + good + "\n\n"), "accepted"},
          {"another package", with_text(good + "\nPackage: libc6\nVersion: 1\n"),
           "unpack x: control: it is of several parts"},
          {"a field twice", with_text(good + "version: 2\n"),
           "unpack x: control: the field \"version\" stands in it twice"},
          {"a state", with_text(good + "status: install ok installed\n"), of_dpkg("status")},
          {"a version that is configured", with_text(good + "Config-Version: 1\n"), of_dpkg("Config-Version")},
          {"pending triggers", with_text(good + "Triggers-Pending: x\n"), of_dpkg("Triggers-Pending")},
          {"awaited triggers", with_text(good + "Triggers-Awaited: x\n"), of_dpkg("Triggers-Awaited")},
          {"no newline", with_text("Package: x\nVersion: 1\nArchitecture: all"),
           "unpack x: control: its last line has no newline"},
          {"an empty line in a value", with_text(good + "Description: x\n \n more\n"),
           "unpack x: control: a value has an empty line"},
          {"a NUL", with_text(good + "Foo: a" + std::string(1, '\0') + "b\n"),
           "unpack x: control: there is a NUL in it"},
          {"a name with a blank", with_text(good + "Foo Bar: x\n"), "unpack x: control: \"Foo Bar\" is no name"},
          {"a name with a hyphen before it", with_text(good + "-Foo: x\n"), "unpack x: control: \"-Foo\" is no name"},
          {"no name", with_text(good + ": x\n"), "unpack x: control: \": x\" is not a control field"},
          {"nothing", with_text(""), "unpack x: control: its last line has no newline"},
      });
  layer_of("deb", with_text(good + "Conffiles:\n /etc/a d41d8cd98f00b204e9800998ecf8427e\n"));
  EXPECT_EQ(file("meta/deb/stanza").find("Conffiles"), std::string::npos) << "as dpkg leaves it out";
}

TEST_F(HostileArchives, OfPackagesWithBadConffilesAreRefusedAsDpkgDoes) {
  const TarEntry a{.name = "./etc/a", .content = "1"};
  const auto conffiles = [&](const std::string& text) {
    return with_data({a, {.name = "./etc/p", .type = '6'}}, text);
  };
  const auto said = refused + "conffiles: ";
  expect("deb",
         {
             {"no newline", conffiles("/etc/a"), said + "\"/etc/a\" is not ended by a newline"},
             {"relative", conffiles("etc/a\n"), said + "\"etc/a\" is no absolute path"},
             {"a blank before", conffiles(" /etc/a\n"), said + "\" /etc/a\" has a flag that is not known"},
             {"unknown flag", conffiles("foo /etc/a\n"), said + "\"foo /etc/a\" has a flag that is not known"},
             {"only a flag", conffiles("remove-on-upgrade\n"), said + "\"remove-on-upgrade\" is no absolute path"},
             {"removed and shipped", conffiles("remove-on-upgrade /etc/a\n"),
              said + "\"/etc/a\" is to be removed on upgrade, and is in the package"},
             {"a NUL", conffiles(std::string("/etc/a\0b\n", 9)), said + "\"/etc/a\\x00b\" has a NUL"},
             {"only a NUL", conffiles(std::string("/etc/a\n\0\n", 9)), said + "\"\\x00\" has a NUL"},
             {"a FIFO", conffiles("/etc/p\n"), said + "\"/etc/p\" is neither a file nor a link"},
             {"a directory", conffiles("/etc\n"), said + "\"/etc\" is neither a file nor a link"},
         });
}

TEST_F(HostileArchives, OfPackagesWithHeadersThatDpkgDoesNotReadAreRefused) {
  const std::string said = "unpack x: data.tar: refused: \"./f\" can not be read exactly: it has a header of type '";
  for (const char type : {'S', '7', 'Z', 'D', 'N', 'M'}) {
    const auto own = unpacking("deb", with_data({{.name = "./f", .type = type}}));
    EXPECT_EQ(own, said + type + "', and only ustar's and GNU's long names are taken here");
  }
  for (const char type : {'x', 'g', 'X', 'A', 'V'}) {
    const auto before = unpacking("deb", with_data({{.name = "./x", .type = type}, {.name = "./f"}}));
    EXPECT_EQ(before.substr(0, said.size() - 60), said.substr(0, said.size() - 60)) << type;
  }
  EXPECT_EQ(unpacking("deb", with_data({{.name = "./f", .type = '\0', .content = "1"}})), "accepted");
  EXPECT_EQ(unpacking("deb", with_data({{.name = "./" + std::string(200, 'f')}})), "accepted");
  EXPECT_EQ(unpacking("deb", with_control({{.name = "PaxHeaders/x", .type = 'x', .content = "11 mtime=5\n"},
                                           {.name = "./prerm"}})),
            "accepted")
      << "dpkg has tar read these";
}

TEST_F(HostileArchives, OfPackagesWithValuesThatDpkgDoesNotKnowAreRefused) {
  const auto with_field = [&](const std::string& field) {
    return ar({format_two,
               {"control.tar", root({{.name = "./control", .content = control + field + "\n"}})},
               {"data.tar", root({})}});
  };
  const std::string says = "unpack x: control: ";
  expect("deb",
         {
             {"multi-arch", with_field("Multi-Arch: bogus"),
              says + "Multi-Arch is \"bogus\", and dpkg knows only foreign, allowed, same, no"},
             {"two words", with_field("Multi-Arch: foreign x"), says + "Multi-Arch is \"foreign x\", and"},
             {"essential", with_field("Essential: perhaps"),
              says + "Essential is \"perhaps\", and dpkg knows only yes, no"},
             {"more of it", with_field("Essential: yesx"), says + "Essential is \"yesx\", and"},
             {"protected", with_field("Protected: perhaps"), says + "Protected is \"perhaps\", and"},
             {"the same for all", with_field("Multi-Arch: Same"), says + "Multi-Arch is \"same\", which no package"},
             {"a priority, as dpkg", with_field("Priority: weird"), "accepted"},
         });
  layer_of("deb", with_field("Multi-Arch: Foreign"));
  EXPECT_NE(file("meta/deb/stanza").find("Multi-Arch: foreign\n"), std::string::npos) << "as dpkg writes it";
}

TEST_F(HostileArchives, OfPackagesWithTriggersThatDpkgRefusesAreRefused) {
  const auto triggers = [&](const std::string& text) {
    return with_control({{.name = "./triggers", .content = text}});
  };
  const auto said = refused + "triggers: ";
  expect("deb", {
                    {"as dpkg", triggers("\n# c\n  interest a \t\ninterest-noawait /a\nactivate a/b\n"), "accepted"},
                    {"no newline", triggers("interest a"), said + "\"interest a\" is not ended by a newline"},
                    {"unknown", triggers("interest-foo a\n"), said + "\"interest-foo a\" is no directive"},
                    {"no name", triggers("interest\n"), said + "\"interest\" names no trigger"},
                    {"two names", triggers("interest a b\n"), said + "\"interest a b\" names no trigger"},
                    {"a comment behind", triggers("interest a # c\n"), said + "\"interest a # c\" names no trigger"},
                    {"a way out", triggers("interest ../../x\n"), said + "\"interest ../../x\" names no trigger"},
                    {"up", triggers("interest ..\n"), said + "\"interest ..\" names no trigger"},
                    {"below", triggers("interest a/b\n"), said + "\"interest a/b\" names no trigger"},
                    {"twice a slash", triggers("interest //a\n"), said + "\"interest //a\" names no trigger"},
                    {"no ASCII", triggers("activate a\xc3\xa4\n"), said + "\"activate a\xc3\xa4\" names no trigger"},
                    {"a NUL", triggers(std::string("interest a\0b\n", 13)), said + "\"interest a\\x00b\" names no"},
                    {"dpkg's own", triggers("interest File\n"), said + "\"interest File\" has the name of a file of"},
                });
}

TEST_F(HostileArchives, OfPackagesWithCompressionsThatDpkgDoesNotTakeAreRefused) {
  const Member info{"control.tar", root({control_file})};
  const auto unknown = [](const std::string& name) {
    return refused + "dpkg does not know how \"" + name + "\" is compressed";
  };
  expect("deb", {
                    {"data", ar({format_two, info, {"data.tar.Z", root({})}}), unknown("data.tar.Z")},
                    {"control", ar({format_two, {"control.tar.bz2", info.second}}), unknown("control.tar.bz2")},
                    {"lzma control", ar({format_two, {"control.tar.lzma", info.second}}), unknown("control.tar.lzma")},
                    {"another than it says", ar({format_two, info, {"data.tar.gz", root({})}}),
                     "unpack x: data.tar: not a readable archive: it is not compressed as its name says"},
                });
}

}  // namespace
}  // namespace karapace::steps
