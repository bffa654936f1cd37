// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>

#include "release/unfinished.hpp"
#include "release_fixture.hpp"

namespace karapace::release {
namespace {

struct Upkeep : ReleaseTest {
  Destination destination() const { return Destination::open(destination_); }
  std::string link(const std::string& name) const {
    const auto links = destination().links();
    const auto found = links.find(name);
    return found == links.end() ? "" : found->second;
  }
  static std::vector<std::string> told(const std::vector<LinkChange>& changes) {
    std::vector<std::string> lines;
    for (const auto& change : changes)
      lines.push_back(
          fmt::format("{}: {} -> {}", change.alias, change.before.value_or("-"), change.after.value_or("-")));
    return lines;
  }
  static std::vector<std::string> told(const LinkChoice& choice) { return told(choice.changes); }
  static std::vector<std::string> told(const std::vector<Fault>& faults) {
    std::vector<std::string> lines;
    for (const auto& fault : faults) lines.push_back(fmt::format("{} {}: {}", fault.where, fault.path, fault.what));
    return lines;
  }
  /// As if it had been installed so many seconds after the first.
  void set_installed(const std::string& version, long seconds) {
    const timespec times[] = {{1000 + seconds, 0}, {1000 + seconds, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, destination().own("installed/" + version).c_str(), times, 0), 0);
  }
};

TEST_F(Upkeep, ALinkThatIsChosenStaysWhereItIs) {
  install_of("1.3.0", "one");
  install_of("1.4.0", "two");
  EXPECT_THAT(told(choose_link(destination(), "stable", "1.3", {})), ElementsAre("stable: 1.4.0+1 -> 1.3.0+1"));
  install_of("1.5.0", "three");
  EXPECT_EQ(link("stable"), "1.3.0+1");
  EXPECT_EQ(link("latest"), "1.5.0+1");
  // "1.3" is followed, a version in full is not.
  install_of("1.3.0", "four");
  EXPECT_EQ(link("stable"), "1.3.0+2");
  choose_link(destination(), "stable", "1.3.0+1", {});
  install_of("1.3.1", "five");
  EXPECT_EQ(link("stable"), "1.3.0+1");
  EXPECT_THAT(told(forget_link(destination(), "stable", {})), ElementsAre("stable: 1.3.0+1 -> 1.5.0+1"));
}

TEST_F(Upkeep, TheNameOfAVersionLeadsToNoOther) {
  install_of("1.0.0", "one");
  install_of("1.0.0", "another");
  install_of("1.1.0", "two");
  EXPECT_THAT(error_of([&] { choose_link(destination(), "1.0.0", "1.1", {}); }),
              HasSubstr("1.0.0 is a version that is installed, and its name can not lead to 1.1.0+1"));
  EXPECT_EQ(link("1.0.0"), "1.0.0+2");
  EXPECT_THAT(told(choose_link(destination(), "1.0.0", "1.0.0+1", {})), ElementsAre("1.0.0: 1.0.0+2 -> 1.0.0+1"));
  choose_link(destination(), "1.0", "1.1", {});
  EXPECT_EQ(link("1.0"), "1.1.0+1");
  choose_link(destination(), "2.0.0", "1.1", {});
  EXPECT_EQ(link("2.0.0"), "1.1.0+1");
}

TEST_F(Upkeep, AVersionOfTwoNumbersIsStableAndHighest) {
  EXPECT_THAT(install_of("2.9", "one").aliases, ElementsAre("2.9", "latest", "stable"));
  EXPECT_THAT(install_of("2.10", "two").aliases, ElementsAre("2.10", "latest", "stable"));
  choose_link(destination(), "stable", "2.9", {});
  EXPECT_THAT(told(choose_link(destination(), "stable", "^", {})), ElementsAre("stable: 2.9+1 -> 2.10+1"));
}

TEST_F(Upkeep, ALinkThatLeadsNowhereIsToldOf) {
  install_of("1.3.0", "one");
  replace_link(destination_ / "versions/stable", "7+1");
  EXPECT_THAT(store::error_of([&] { destination().resolve("stable"); }),
              HasSubstr("the link \"stable\" leads to \"7+1\", which is no version"));
}

TEST_F(Upkeep, ProgramsWithoutAStableVersionAreToldOf) {
  install_of("1.3.0", "one");
  fs::remove(destination_ / "versions/stable");
  EXPECT_THAT(told(misfits(destination())),
              ElementsAre(HasSubstr("versions/stable : missing, so what is in bin starts only with the name")));
}

TEST_F(Upkeep, AChoiceIsToldAlsoWhenTheLinkIsThereAlready) {
  install_of("1.3.0", "one");
  const auto chosen = choose_link(destination(), "1.3", "1.3.0+1", {});
  EXPECT_EQ(chosen.before, std::nullopt);
  EXPECT_EQ(chosen.after, "1.3.0+1");
  EXPECT_THAT(told(chosen), IsEmpty());
  const auto again = choose_link(destination(), "1.3", "1.3.0+1", {});
  EXPECT_EQ(again.before, again.after);
  const auto forgotten = forget_link(destination(), "1.3", {});
  EXPECT_EQ(forgotten.before, "1.3.0+1");
  EXPECT_EQ(forgotten.after, std::nullopt);
  EXPECT_THAT(told(forgotten), IsEmpty());
}

TEST_F(Upkeep, WhatIsNotThereCanNotBeChosen) {
  install_of("1.3.0", "one");
  EXPECT_THAT(error_of([&] { choose_link(destination(), "stable", "1.33", {}); }),
              HasSubstr("there is no version \"1.33\""));
  EXPECT_THAT(error_of([&] { choose_link(destination(), "../stable", "1.3", {}); }), HasSubstr("can not be the name"));
  EXPECT_THAT(error_of([&] {
                choose_link(destination(), "stable", "latest", {}), choose_link(destination(), "latest", "stable", {});
              }),
              HasSubstr("circle"));
  EXPECT_EQ(link("stable"), "1.3.0+1");
}

TEST_F(Upkeep, ALinkThatIsForgottenGoesWhenNothingElseNamesIt) {
  install_of("1.3.0", "one");
  choose_link(destination(), "site", "latest", {});
  EXPECT_EQ(link("site"), "1.3.0+1");
  EXPECT_THAT(told(forget_link(destination(), "site", {})), ElementsAre("site: 1.3.0+1 -> -"));
  EXPECT_THAT(error_of([&] { forget_link(destination(), "site", {}); }), HasSubstr("nobody has chosen"));
  EXPECT_THAT(error_of([&] { forget_link(destination(), "stable", {}); }), HasSubstr("nobody has chosen"));
}

TEST_F(Upkeep, AWholeDestinationVerifies) {
  install_of("1.3.0", "one");
  install_of("1.4.0", "two");
  EXPECT_THAT(told(verify(destination(), 2)), IsEmpty());
}

TEST_F(Upkeep, DamageAndWhatIsMissingIsFound) {
  const auto release = release_of("1.3.0", "one");
  install(store_, release, options());
  const auto& packages = release.document.packages;
  store::flip_byte(destination_ / "store" / packages[0].entry / "bin/app");
  EXPECT_THAT(misfits(destination()), IsEmpty());
  EXPECT_THAT(told(verify(destination(), 1)), ElementsAre("store/" + packages[0].entry + " bin/app: content",
                                                          "store/" + packages[0].entry + " bin/other: content"));
  remove_tree(destination_ / "store" / packages[1].entry);
  fs::create_symlink("9.9.9+1", destination_ / "versions/gone");
  fs::create_directory(destination_ / "versions/mine");
  EXPECT_THAT(told(misfits(destination())),
              ElementsAre("store/" + packages[1].entry + " : missing, though the version 1.3.0+1 is made of it",
                          "versions/gone : leads nowhere", "versions/mine : is not of a release"));
}

TEST_F(Upkeep, WhatIsNotKnownOfVersionsIsToldAndStopsNothing) {
  for (const auto* version : {"1.0.0", "1.1.0", "1.2.0"}) install_of(version, version);
  const auto document = destination_ / "versions/1.0.0+1/release.json";
  fs::permissions(document.parent_path(), fs::perms::owner_write, fs::perm_options::add);
  replace_file(document, "{");
  fs::remove(destination_ / ".karapace/installed/1.1.0+1");
  remove_tree(destination_ / "versions/1.2.0+1");
  for (const auto* link : {"1", "1.2", "1.2.0", "latest", "stable"}) fs::remove(destination_ / "versions" / link);
  EXPECT_THAT(error_of([&] { choose_link(destination(), "stable", "1.1", {}); }),
              HasSubstr("not known what 1.1.0+1 was when it was installed"));
  fs::create_symlink("1.1.0+1", destination_ / "versions/stable");
  ASSERT_EQ(::chmod((destination_ / "bin").c_str(), 0757), 0);
  EXPECT_THAT(told(misfits(destination())), ElementsAre("bin : everybody may write there; `chmod o-w` ends that",
                                                        ".karapace/installed/1.2.0+1 : the version is missing",
                                                        "versions/1.0.0+1 release.json: can not be read",
                                                        "versions/1.1.0+1 : what it should be is not known"));
  EXPECT_THAT(told(verify(destination(), 1)), SizeIs(6));
  EXPECT_THAT(destination_page(destination(), {}), HasSubstr("can not be read"));
}

TEST_F(Upkeep, VerifyingBesidePruningTellsOfNoFaults) {
  for (int i = 0; i < 12; ++i) install_of("1.0.0", std::to_string(i));
  const auto child = store::fork_child([&] {
    for (std::uint64_t keep = 11; keep > 0; --keep) prune(destination(), keep, PruneMode::remove, {});
    return 0;
  });
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) EXPECT_THAT(told(verify(destination(), 1)), IsEmpty());
  EXPECT_EQ(status, 0);
}

TEST_F(Upkeep, APrunedVersionGoesWithWhatOnlyItUses) {
  install_of("1.1.0", "one");
  install_of("1.2.0", "two");
  install_of("1.3.0", "three");
  install_of("1.3.0", "four");
  set_installed("1.1.0+1", 1);
  set_installed("1.2.0+1", 2);
  set_installed("1.3.0+1", 3);
  set_installed("1.3.0+2", 4);
  choose_link(destination(), "site", "1.1", {});
  const auto planned = prune(destination(), 1, PruneMode::dry_run, {});
  EXPECT_THAT(destination().versions(), SizeIs(4));
  const auto pruned = prune(destination(), 1, PruneMode::remove, {});
  EXPECT_EQ(planned.versions, pruned.versions);
  EXPECT_EQ(planned.bytes, pruned.bytes);
  EXPECT_THAT(pruned.versions, ElementsAre("1.2.0+1", "1.3.0+1"));
  EXPECT_THAT(pruned.entries, SizeIs(2));
  EXPECT_THAT(told(pruned.links), ElementsAre("1.2: 1.2.0+1 -> -", "1.2.0: 1.2.0+1 -> -"));
  EXPECT_THAT(destination().versions(), ElementsAre("1.1.0+1", "1.3.0+2"));
  EXPECT_THAT(told(verify(destination(), 1)), IsEmpty());
  EXPECT_EQ(install_of("1.3.0", "five").version, "1.3.0+3");
  EXPECT_EQ(install_of("1.2.0", "two").version, "1.2.0+2");
}

TEST_F(Upkeep, WhatIsOfNoReleaseStaysAndIsTold) {
  install_of("1.0.0", "one");
  const auto unlisted = destination_ / "store" / (std::string(32, 'a') + "-mine-1.0");
  const auto linked = destination_ / "store" / (std::string(32, 'b') + "-mine-1.0");
  for (const auto& directory : {destination_ / "store/my-thesis", unlisted, temporary_.path() / "other"})
    fs::create_directories(directory / "chapter");
  fs::create_symlink(temporary_.path() / "other", linked);
  EXPECT_THAT(destination().versions(), ElementsAre("1.0.0+1"));
  EXPECT_THAT(prune(destination(), 5, PruneMode::remove, {}).entries, IsEmpty());
  for (const auto& directory : {destination_ / "store/my-thesis", unlisted, linked})
    EXPECT_TRUE(fs::exists(directory / "chapter"));
  fs::create_directory(destination_ / "versions/9.9+9");
  EXPECT_THAT(destination().versions(), ElementsAre("1.0.0+1"));
  EXPECT_THAT(told(misfits(destination())),
              ElementsAre("store/" + linked.filename().native() + " : is not of a release",
                          "store/my-thesis : is not of a release", "versions/9.9+9 : is not of a release"));
}

TEST_F(Upkeep, NothingIsRemovedThroughALink) {
  install_of("1.0.0", "one");
  const auto other = temporary_.path() / "other";
  fs::rename(destination_ / "store", other);
  fs::create_directory_symlink(other, destination_ / "store");
  EXPECT_THAT(error_of([&] { prune(destination(), 0, PruneMode::remove, {}); }), HasSubstr("is a link"));
}

TEST_F(Upkeep, AChangedLauncherIsFound) {
  install_of("1.0.0", "one");
  const auto launcher = fs::read_symlink(destination_ / "bin/app").native();
  store::flip_byte(destination_ / "bin" / launcher);
  fs::create_symlink(".launcher-/../../x", destination_ / "bin/evil");
  EXPECT_THAT(told(misfits(destination())),
              ElementsAre("bin/" + launcher + " : content", "bin/evil : is not of a release"));
}

TEST_F(Upkeep, PruningAndInstallingAtOnceLeaveAllWhole) {
  std::vector<Release> releases;
  for (int i = 0; i < 6; ++i) releases.push_back(release_of("1.0.0", std::to_string(i)));
  install(store_, releases[0], options());
  std::vector<pid_t> children;
  for (int process = 0; process < 4; ++process)
    children.push_back(store::fork_child([&, process] {
      for (std::size_t round = 0; round < 12; ++round) {
        if (process == 0)
          prune(destination(), 0, PruneMode::remove, {});
        else
          install(store_, releases[(round * 5 + static_cast<std::size_t>(process)) % 6], options());
      }
      return 0;
    }));
  for (const auto child : children) EXPECT_EQ(store::wait_for(child), 0);
  EXPECT_THAT(told(verify(destination(), 1)), IsEmpty());
}

}  // namespace
}  // namespace karapace::release
