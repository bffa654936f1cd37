// SPDX-License-Identifier: Apache-2.0
#include "release/install.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/semantic_version.hpp"
#include "release/installed_tree.hpp"
#include "release/unfinished.hpp"
#include "release_fixture.hpp"
#include "tests/skipping.hpp"

namespace karapace::release {
namespace {

struct Install : ReleaseTest {
  mode_t mode_of(const fs::path& path) const {
    struct stat status{};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  }
};

TEST_F(Install, MakesTheVersionItsLinksAndItsPrograms) {
  const auto installed = install_of("1.4.2", "one");
  EXPECT_EQ(installed.version, "1.4.2+1");
  EXPECT_TRUE(installed.is_new);
  EXPECT_THAT(installed.aliases, ElementsAre("1", "1.4", "1.4.2", "latest", "stable"));
  EXPECT_EQ(installed.copied_entries, 2U);
  EXPECT_EQ(fs::read_symlink(destination_ / "versions/stable"), "1.4.2+1");
  EXPECT_EQ(read(destination_ / "versions/stable/bin/app"), "#!/bin/sh\necho app one \"$@\"\n");
  EXPECT_TRUE(fs::read_symlink(destination_ / "bin/app").native().starts_with(".launcher-"));
  EXPECT_TRUE(fs::exists(destination_ / "bin/app"));
  EXPECT_THAT(unfinished(), IsEmpty());
}

TEST_F(Install, KeepsLinksFurtherNamesAndEmptyDirectories) {
  const auto release = release_of("1.0.0", "one");
  install(store_, release, options());
  const auto lib = destination_ / "store" / release.document.packages[1].entry;
  const auto app = destination_ / "store" / release.document.packages[0].entry;
  EXPECT_EQ(fs::read_symlink(lib / "lib/libfoo.so"), "libfoo.so.1");
  EXPECT_EQ(fs::read_symlink(lib / "lib/libfoo.so.1"), "libfoo.so.1.0");
  EXPECT_EQ(fs::read_symlink(lib / "lib64"), "lib");
  EXPECT_EQ(fs::read_symlink(lib / "lib/dangling"), "/nowhere");
  EXPECT_TRUE(fs::equivalent(app / "bin/app", app / "bin/other"));
  EXPECT_TRUE(fs::is_directory(app / "share/app/empty"));
}

TEST_F(Install, IsReadOnlyAndAsTheListingSays) {
  const auto release = release_of("1.0.0", "one");
  install(store_, release, options());
  for (const auto& package : release.document.packages) {
    const auto entry = destination_ / "store" / package.entry;
    EXPECT_EQ(mode_of(entry), 0555U);
    EXPECT_THAT(faults_of_installed_tree(entry, store_.listing(package.layer), 2), IsEmpty());
  }
  const auto app = destination_ / "store" / release.document.packages[0].entry;
  EXPECT_EQ(mode_of(app / "bin/app"), 0555U);
  EXPECT_EQ(mode_of(destination_ / "versions/1.0.0+1"), 0555U);
  EXPECT_EQ(mode_of(destination_ / "versions/1.0.0+1/release.json"), 0444U);
}

TEST_F(Install, AChangedEntryIsFound) {
  const auto release = release_of("1.0.0", "one");
  install(store_, release, options());
  const auto app = destination_ / "store" / release.document.packages[0].entry;
  store::flip_byte(app / "bin/app");
  fs::permissions(app, fs::perms::owner_all);
  write_file_atomically(app / "more", "x", Durable::no);
  std::vector<std::string> faults;
  for (const auto& fault : faults_of_installed_tree(app, store_.listing(release.document.packages[0].layer), 1))
    faults.push_back(fault.path + ": " + fault.what);
  EXPECT_THAT(faults,
              UnorderedElementsAre(": mode", "bin/app: content", "bin/other: content", "more: not of the package"));
}

TEST_F(Install, AFullDestinationIsToldByTheFileThatIsWritten) {
  if (::geteuid() != 0) KARAPACE_SKIP_TEST("mounting needs root");
  const auto release = release_of("1.0.0", std::string(1 << 20, 'x'));
  fs::create_directories(destination_);
  const auto child = store::fork_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", destination_.c_str(), "tmpfs", 0, "size=256k,mode=0755") != 0)
      return 77;
    const auto message = error_of([&] { install(store_, release, options()); });
    EXPECT_THAT(message,
                HasSubstr((destination_ / "store" / release.document.packages[0].entry / "bin/app").native() + "\""));
    EXPECT_THAT(message, HasSubstr("No space left on device; make room there"));
    EXPECT_THAT(message, Not(HasSubstr(store_.root().native())));
    EXPECT_THAT(message, Not(HasSubstr(".new-")));
    return HasFailure() ? 1 : 0;
  });
  const int status = store::wait_for(child);
  if (status == 77) KARAPACE_SKIP_TEST("a tmpfs can not be mounted here");
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(install(store_, release, options()).is_new);
}

TEST_F(Install, AVersionThatNobodyInstalledGetsNoLinks) {
  install_of("1.0.0", "one");
  fs::create_directories(destination_ / "versions/9+1/bin");
  write_file_atomically(destination_ / "versions/9+1/release.json", "", Durable::no);
  EXPECT_THAT(install_of("1.1.0", "two").aliases, ElementsAre("1", "1.1", "1.1.0", "latest", "stable"));
  choose_link(Destination::open(destination_), "site", "1.0", {});
  EXPECT_EQ(fs::read_symlink(destination_ / "versions/stable"), "1.1.0+1");
  EXPECT_FALSE(fs::is_symlink(destination_ / "versions/9"));
  // Though it says that it is a version that was.
  fs::copy_file(destination_ / "versions/1.1.0+1/release.json", destination_ / "versions/9+1/release.json",
                fs::copy_options::overwrite_existing);
  EXPECT_EQ(install_of("1.1.0", "two").version, "1.1.0+1");
}

TEST_F(Install, AVersionWhoseRecordIsLostKeepsItsLinks) {
  install_of("1.0.0", "one");
  install_of("1.1.0", "two");
  fs::remove(destination_ / ".karapace/installed/1.1.0+1");
  install_of("1.0.0", "three");
  EXPECT_EQ(fs::read_symlink(destination_ / "versions/stable"), "1.1.0+1");
}

TEST_F(Install, AVersionWhoseRecordIsLostKeepsNoLinkFromHigherOnes) {
  install_of("1.0.0", "one");
  fs::remove(destination_ / ".karapace/installed/1.0.0+1");
  install_of("1.1.0", "two");
  EXPECT_EQ(fs::read_symlink(destination_ / "versions/stable"), "1.1.0+1");
}

TEST_F(Install, AVersionThatWasRemovedComesBackUnderItsNameWithoutALinkToIt) {
  install_of("1.0.0", "one");
  install_of("1.0.0", "two");
  install_of("1.0.0", "three");
  remove_tree(destination_ / "versions/1.0.0+2");
  EXPECT_EQ(install_of("1.0.0", "two").version, "1.0.0+2");
}

TEST_F(Install, ACopyOfAVersionIsNotTakenForIt) {
  install_of("1.0.0", "one");
  fs::copy(destination_ / "versions/1.0.0+1", destination_ / "versions/1.0.0+7",
           fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  EXPECT_EQ(install_of("1.0.0", "one").version, "1.0.0+1");
  EXPECT_EQ(fs::read_symlink(destination_ / "versions/stable"), "1.0.0+1");
}

TEST_F(Install, WhatOthersCouldChangeIsNotAdopted) {
  const auto release = release_of("1.0.0", "one");
  install(store_, release, options());
  const auto& package = release.document.packages[0];
  const auto app = destination_ / "store" / package.entry;
  const auto again = [&] {
    fs::remove(destination_ / ".karapace/listings" / package.entry);
    install(store_, release, options());
  };
  fs::permissions(app / "bin/app", fs::perms::all);
  EXPECT_THAT(error_of(again), HasSubstr("\"bin/app\": mode"));
  fs::permissions(app / "bin/app", fs::perms(0555));
  again();
  if (::geteuid() != 0) return;
  ASSERT_EQ(::chown((app / "bin/app").c_str(), 12345, 12345), 0);
  EXPECT_THAT(error_of(again), HasSubstr("\"bin/app\": owner"));
}

TEST_F(Install, ALauncherThatOthersCouldChangeIsReplaced) {
  install_of("1.0.0", "one");
  const auto launcher = destination_ / "bin" / fs::read_symlink(destination_ / "bin/app");
  fs::permissions(launcher, fs::perms::all);
  EXPECT_THAT(verify(Destination::open(destination_), 1), SizeIs(1));
  install_of("1.0.0", "one");
  EXPECT_EQ(mode_of(launcher), 0555U);
}

TEST_F(Install, TheSameBuildIsNotInstalledAgain) {
  install_of("1.0.0", "one");
  const auto again = install_of("1.0.0", "one");
  EXPECT_FALSE(again.is_new);
  EXPECT_EQ(again.version, "1.0.0+1");
  EXPECT_EQ(again.copied_entries, 0U);
  EXPECT_THAT(Destination::open(destination_).versions(), ElementsAre("1.0.0+1"));
}

TEST_F(Install, AnotherBuildOfTheVersionGetsTheNextId) {
  install_of("1.0.0", "one");
  EXPECT_EQ(install_of("1.0.0", "two").version, "1.0.0+2");
  EXPECT_EQ(fs::read_symlink(destination_ / "versions/stable"), "1.0.0+2");
  EXPECT_EQ(install_of("1.0.0", "one").version, "1.0.0+1");
  EXPECT_EQ(fs::read_symlink(destination_ / "versions/stable"), "1.0.0+2");
}

TEST_F(Install, TheVersionOfABuildIsFoundWhereverLinksLead) {
  install_of("1.0.0", "one");
  install_of("1.0.0", "two");
  const auto version_of = [&](const std::string& content) {
    return version_of_build(Destination::open(destination_), release_of("1.0.0", content).document);
  };
  EXPECT_EQ(version_of("one"), "1.0.0+1");
  EXPECT_EQ(version_of("two"), "1.0.0+2");
  EXPECT_EQ(version_of("three"), std::nullopt);
}

TEST_F(Install, AnotherReleaseIsRefused) {
  install_of("1.0.0", "one");
  auto other = release_of("9.0.0", "two");
  other.document.name = "other";
  EXPECT_THAT(error_of([&] { install(store_, other, options()); }),
              HasSubstr("is the destination of another release, app"));
  EXPECT_THAT(Destination::open(destination_).versions(), ElementsAre("1.0.0+1"));
}

TEST_F(Install, AVersionWhoseIdsAreUsedUpIsRefused) {
  install_of("1.0.0", "one");
  Destination::open(destination_).set_used_id("1.0.0", most_builds);
  EXPECT_THAT(error_of([&] { install_of("1.0.0", "two"); }), HasSubstr("all build ids of the version 1.0.0 are used"));
  EXPECT_THAT(Destination::open(destination_).versions(), ElementsAre("1.0.0+1"));
}

TEST_F(Install, AVersionThatCanNotBeReadIsPassedOver) {
  install_of("1.0.0", "one");
  const auto document = destination_ / "versions/1.0.0+1/release.json";
  fs::permissions(document.parent_path(), fs::perms::owner_write, fs::perm_options::add);
  replace_file(document, "{");
  fs::remove(destination_ / ".karapace/installed/1.0.0+1");
  EXPECT_EQ(install_of("2.0.0", "two").version, "2.0.0+1");
}

TEST_F(Install, DirectoriesThatEverybodyMayWriteToAreRefused) {
  for (const auto* part : {"", "store", "versions", "bin", ".karapace", ".karapace/listings"}) {
    install_of("1.0.0", "one");
    ASSERT_EQ(::chmod((destination_ / part).c_str(), 0777), 0);
    EXPECT_THAT(error_of([&] { install_of("1.0.0", "two"); }), HasSubstr("everybody may write to")) << part;
    EXPECT_THAT(error_of([&] { Destination::open(destination_).lock({}, {}); }), HasSubstr("everybody may write to"));
    remove_tree(destination_);
  }
}

TEST_F(Install, AnIdIsNeverUsedAgain) {
  install_of("1.0.0", "one");
  install_of("1.0.0", "two");
  remove_tree(destination_ / "versions/1.0.0+2");
  EXPECT_EQ(install_of("1.0.0", "three").version, "1.0.0+3");
}

TEST_F(Install, AMissingEntryComesBackAndALeftOneIsSwept) {
  const auto release = release_of("1.0.0", "one");
  install(store_, release, options());
  remove_tree(destination_ / "store" / release.document.packages[1].entry);
  const auto dead = store::fork_child([&] {
    fs::create_directory(destination_ / "store" / unfinished_name());
    return 0;
  });
  store::wait_for(dead);
  EXPECT_EQ(unfinished().size(), 1U);
  EXPECT_EQ(install(store_, release, options()).copied_entries, 1U);
  EXPECT_THAT(unfinished(), IsEmpty());
}

TEST_F(Install, WhatOtherVersionsLackComesBackOrIsTold) {
  const auto first = release_of("1.0.0", "one");
  install(store_, first, options());
  const auto lost = first.document.packages[0].entry;
  remove_tree(destination_ / "store" / lost);
  EXPECT_THAT(install_of("2.0.0", "two").missing_entries, IsEmpty());
  EXPECT_THAT(verify(Destination::open(destination_), 1), IsEmpty());

  remove_tree(destination_ / "store" / lost);
  remove_tree(store_.root() / "layers" / first.document.packages[0].layer.hex());
  EXPECT_THAT(install_of("2.0.0", "two").missing_entries, ElementsAre(lost));
}

TEST_F(Install, OfAReleaseThatIsNotWhatWasInstalledNothingComesBack) {
  const auto first = release_of("1.0.0", "one");
  install(store_, first, options());
  auto forged = first.document;
  forged.packages[0].entry.replace(0, 4, "ffff");
  const auto path = destination_ / "versions/1.0.0+1" / store::release_document_file;
  fs::permissions(path.parent_path(), fs::perms::owner_write, fs::perm_options::add);
  replace_file(path, store::text(forged));
  install_of("2.0.0", "two");
  EXPECT_FALSE(fs::exists(destination_ / "store" / forged.packages[0].entry));
}

TEST_F(Install, AnEntryOfOtherContentIsRefused) {
  auto release = release_of("1.0.0", "one");
  install(store_, release, options());
  release.document.packages[0].layer = layer_of({{"bin/app", "other"}});
  release.tree = tree_of(release.document, {{{"bin/app", "other"}}, {}});
  EXPECT_THAT(error_of([&] { install(store_, release, options()); }), HasSubstr("is installed with other content"));
}

TEST_F(Install, WhatIsNoFileLinkOrDirectoryIsRefused) {
  auto release = release_of("1.0.0", "one");
  release.document.packages[1].layer = layer_of({{"pipe", "fifo"}});
  EXPECT_THAT(error_of([&] { install(store_, release, options()); }), HasSubstr("\"pipe\" of the package can not be"));
  EXPECT_THAT(unfinished(), IsEmpty());
}

TEST_F(Install, ADamagedLayerIsRefused) {
  const auto release = release_of("1.0.0", "one");
  store::flip_byte(store_.layer_tree(release.document.packages[1].layer) / "lib/libfoo.so.1.0");
  EXPECT_THAT(error_of([&] { install(store_, release, options()); }), HasSubstr("damaged"));
  EXPECT_THAT(Destination::open(destination_).versions(), IsEmpty());
}

TEST_F(Install, ATreeOfAnotherReleaseIsRefused) {
  auto release = release_of("1.0.0", "one");
  release.tree = release_of("1.0.0", "two").tree;
  EXPECT_THAT(error_of([&] { install(store_, release, options()); }), HasSubstr("is not of this release"));
}

TEST_F(Install, APreReleaseDoesNotReplaceARelease) {
  install_of("1.0.0", "one");
  EXPECT_THAT(install_of("1.0.0-rc1", "two").aliases, ElementsAre("1.0.0-rc1"));
  EXPECT_EQ(fs::read_symlink(destination_ / "versions/latest"), "1.0.0+1");
}

TEST_F(Install, LinksOfTheManifestAndWhatIsNotThere) {
  auto release = release_of("1.0.0", "one");
  release.declared.links = {{"site", "1.0"}, {"old", "0.9"}};
  const auto installed = install(store_, release, options());
  EXPECT_EQ(fs::read_symlink(destination_ / "versions/site"), "1.0.0+1");
  EXPECT_FALSE(fs::is_symlink(destination_ / "versions/old"));
  EXPECT_THAT(installed.unfulfilled, ElementsAre("old"));
  release.declared.links = {{"../x", "1.0"}};
  EXPECT_THAT(error_of([&] { install(store_, release, options()); }), HasSubstr("can not be the name of a link"));
}

TEST_F(Install, AnOldLauncherStays) {
  install_of("1.0.0", "one");
  const auto old = fs::read_symlink(destination_ / "bin/app");
  write_file_atomically(temporary_.path() / "launcher", "#!/bin/sh\n", Durable::no, 0755);
  auto with = options();
  with.launcher = temporary_.path() / "launcher";
  install(store_, release_of("1.0.1", "two"), with);
  EXPECT_NE(fs::read_symlink(destination_ / "bin/app"), old);
  EXPECT_TRUE(fs::exists(destination_ / "bin" / old));
}

TEST_F(Install, WhatLiesThereWithoutAListingIsComparedAndNotBelieved) {
  const auto release = release_of("1.0.0", "one");
  const auto entry = destination_ / "store" / release.document.packages[0].entry;
  Destination::create(destination_);
  fs::create_directories(entry / "bin");
  write_file_atomically(entry / "bin/app", "evil", Durable::no, 0755);
  EXPECT_THAT(error_of([&] { install(store_, release, options()); }), HasSubstr("is not what was built"));
  EXPECT_THAT(Destination::open(destination_).versions(), IsEmpty());
  EXPECT_FALSE(fs::exists(destination_ / ".karapace/listings" / entry.filename()));
  remove_tree(entry);
  install(store_, release, options());
  // As after a crash before the listing was written: it is read, and known again.
  fs::remove(destination_ / ".karapace/listings" / entry.filename());
  EXPECT_EQ(install(store_, release, options()).copied_entries, 0U);
  EXPECT_TRUE(fs::exists(destination_ / ".karapace/listings" / entry.filename()));
}

TEST_F(Install, ALinkInPlaceOfAnEntryIsRefused) {
  const auto release = release_of("1.0.0", "one");
  Destination::create(destination_);
  fs::create_directories(temporary_.path() / "other/bin");
  fs::create_symlink(temporary_.path() / "other", destination_ / "store" / release.document.packages[0].entry);
  EXPECT_THAT(error_of([&] { install(store_, release, options()); }), HasSubstr("is a link, or no directory"));
}

TEST_F(Install, AVersionWithOurDocumentAndOtherLinksIsRefused) {
  const auto release = release_of("1.0.0", "one");
  Destination::create(destination_);
  const auto version = destination_ / "versions/1.0.0+1";
  fs::create_directories(version / "bin");
  write_file_atomically(version / "release.json", store::text(release.document), Durable::no);
  write_file_atomically(version / "bin/app", "evil", Durable::no, 0755);
  EXPECT_THAT(error_of([&] { install(store_, release, options()); }), HasSubstr("is not what was built"));
  EXPECT_FALSE(fs::is_symlink(destination_ / "bin/app"));
}

TEST_F(Install, WhatIsInstalledCanBeReachedWhateverTheUmask) {
  const auto release = release_of("1.0.0", "one");
  const auto before = ::umask(077);
  install(store_, release, options());
  ::umask(before);
  for (const auto& path : {destination_.parent_path(), destination_, destination_ / "store", destination_ / "versions",
                           destination_ / "bin", destination_ / "versions/1.0.0+1"})
    EXPECT_EQ(mode_of(path) & 0555U, 0555U) << path;
}

TEST_F(Install, PartsThatAreLinksOrSomebodyElsesAreRefused) {
  const auto other = temporary_.path() / "other";
  for (const auto* part : {"store", "versions", "bin", ".karapace", ".karapace/lock", ".karapace/installed"}) {
    install_of("1.0.0", "one");
    remove_tree(other);
    fs::rename(destination_ / part, other);
    fs::create_directory_symlink(other, destination_ / part);
    EXPECT_THAT(error_of([&] { install_of("1.0.0", "two"); }), HasSubstr("is a link, or no directory")) << part;
    remove_tree(destination_);
  }
  if (::geteuid() != 0) return;
  install_of("1.0.0", "one");
  ASSERT_EQ(::chown((destination_ / "bin").c_str(), 12345, 12345), 0);
  EXPECT_THAT(error_of([&] { install_of("1.0.0", "two"); }), HasSubstr("belongs to the user 12345"));
}

TEST_F(Install, ADirectoryThatHasOtherThingsIsNoDestination) {
  fs::create_directories(destination_ / "lost+found");
  install_of("1.0.0", "one");
  remove_tree(destination_);
  fs::create_directories(destination_ / "bin");
  EXPECT_THAT(error_of([&] { install_of("1.0.0", "one"); }), HasSubstr("is no destination of releases, and not empty"));
}

TEST_F(Install, AProgramThatIsNoneOfOursIsNotReplaced) {
  Destination::create(destination_);
  fs::create_symlink("/bin/true", destination_ / "bin/app");
  EXPECT_THAT(error_of([&] { install_of("1.0.0", "one"); }), HasSubstr("is no program of a release"));
  EXPECT_EQ(fs::read_symlink(destination_ / "bin/app"), "/bin/true");
}

TEST_F(Install, AChangedLauncherComesBack) {
  install_of("1.0.0", "one");
  const auto launcher = destination_ / "bin" / fs::read_symlink(destination_ / "bin/app");
  const auto before = read(launcher);
  store::flip_byte(launcher);
  install_of("1.0.0", "one");
  EXPECT_EQ(read(launcher), before);
}

}  // namespace
}  // namespace karapace::release
