// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <sstream>
#include <string>

#include "base/child.hpp"
#include "release_fixture.hpp"

namespace karapace::release {
namespace {

struct Archive : ReleaseTest {
  std::string archived(const std::string& version, ArchiveRoot root = ArchiveRoot::machine) {
    std::string bytes;
    archive_version(Destination::open(destination_), version, root, [&](std::string_view part) { bytes += part; });
    return bytes;
  }
};

TEST_F(Archive, UnpackedItIsADestinationWithThisVersionAlone) {
  install_of("1.0.0", "one");
  install_of("1.0.0", "two");
  const auto bytes = archived("1.0.0+1");
  EXPECT_EQ(archived("1.0.0+1"), bytes);
  std::ofstream(temporary_.path() / "app.tar") << bytes;
  const auto root = temporary_.path() / "root";
  fs::create_directory(root);
  ASSERT_EQ(run_child({.argv = {"tar", "-C", root, "-xpf", temporary_.path() / "app.tar"}}), 0);
  const auto unpacked = Destination::open(root / destination_.relative_path());
  EXPECT_THAT(unpacked.versions(), ElementsAre("1.0.0+1"));
  EXPECT_EQ(unpacked.resolve("stable"), "1.0.0+1");
  EXPECT_EQ(unpacked.resolve("1.0"), "1.0.0+1");
  EXPECT_EQ(unpacked.installed_at("1.0.0+1"), std::nullopt);
  for (const auto& fault : verify(unpacked, 1)) ADD_FAILURE() << fault.where << " " << fault.path << ": " << fault.what;
  EXPECT_TRUE(fs::exists(unpacked.program("app")));
}

TEST_F(Archive, NothingAboveTheDestinationIsInIt) {
  install_of("1.0.0", "one");
  std::ofstream(temporary_.path() / "app.tar") << archived("1.0.0+1");
  const auto listed = temporary_.path() / "listed";
  ASSERT_EQ(run_child({.argv = {"sh", "-c", "tar -tf \"$1\" >\"$2\"", "sh", temporary_.path() / "app.tar", listed}}),
            0);
  std::istringstream lines(read(listed));
  for (std::string line; std::getline(lines, line);)
    EXPECT_THAT(line, ::testing::StartsWith(destination_.relative_path().native() + "/"));
}

TEST_F(Archive, ForTheDestinationItsPathsBeginThere) {
  install_of("1.0.0", "one");
  const auto bytes = archived("1.0.0+1", ArchiveRoot::destination);
  std::ofstream(temporary_.path() / "app.tar") << bytes;
  const auto root = temporary_.path() / "mounted";
  fs::create_directory(root);
  ASSERT_EQ(run_child({.argv = {"tar", "-C", root, "-xpf", temporary_.path() / "app.tar"}}), 0);
  const auto unpacked = Destination::open(root);
  EXPECT_EQ(unpacked.resolve("latest"), "1.0.0+1");
  EXPECT_THAT(verify(unpacked, 1), IsEmpty());
}

TEST_F(Archive, ADamagedPackageIsRefused) {
  const auto release = release_of("1.0.0", "one");
  install(store_, release, options());
  store::flip_byte(destination_ / "store" / release.document.packages[0].entry / "bin/app");
  EXPECT_THAT(error_of([&] { archived("1.0.0+1"); }), HasSubstr("is not as it was built"));
}

TEST_F(Archive, AChangedLauncherIsRefused) {
  install_of("1.0.0", "one");
  store::flip_byte(destination_ / "bin" / fs::read_symlink(destination_ / "bin/app"));
  EXPECT_THAT(error_of([&] { archived("1.0.0+1"); }), HasSubstr("is not as it was built"));
}

TEST_F(Archive, AFifoInPlaceOfAFileIsRefusedAndNotWaitedFor) {
  const auto release = release_of("1.0.0", "one");
  install(store_, release, options());
  const auto file = destination_ / "store" / release.document.packages[1].entry / "lib/libfoo.so.1.0";
  fs::permissions(file.parent_path(), fs::perms::owner_all);
  fs::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0644), 0);
  EXPECT_THAT(error_of([&] { archived("1.0.0+1"); }), HasSubstr("is not as it was built"));
}

TEST_F(Archive, APageTellsVersionsLinksAndPackages) {
  const auto release = release_of("1.0.0", "one");
  install(store_, release, options());
  const auto entry = release.document.packages[1].entry;
  const auto page = destination_page(Destination::open(destination_), {{entry, "logs/" + entry + ".txt"}});
  for (const auto& text : {std::string("<h2>1.0.0+1</h2>"), std::string("<span class=\"link\">stable</span>"),
                           "href=\"logs/" + entry + ".txt\"", std::string("name=\"viewport\"")})
    EXPECT_THAT(page, HasSubstr(text));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
}

TEST_F(Archive, TextOnAPageIsNoMarkup) {
  install_of("1.0.0", "one");
  const auto entry = Destination::open(destination_).document("1.0.0+1").packages[0].entry;
  EXPECT_THAT(destination_page(Destination::open(destination_), {{entry, "<a href=\"x\">&\x1b"}}),
              HasSubstr("&lt;a href=&quot;x&quot;&gt;&amp;\\x1b"));
}

}  // namespace
}  // namespace karapace::release
