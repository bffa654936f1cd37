// SPDX-License-Identifier: Apache-2.0
// What hosts remember: links that were chosen, ids that were used, what versions must be.
#include <gmock/gmock.h>

#include "base/directory.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "base/semantic_version.hpp"
#include "release/sync.hpp"
#include "release/upkeep.hpp"
#include "sync_fixture.hpp"

namespace karapace::release {
namespace {

struct SyncRecords : SyncTest {};

TEST_F(SyncRecords, AHostThatHasMoreKeepsItsLinks) {
  install_of("1.0.0", "one");
  copy_source();
  install_of("1.1.0", "two");
  install_of("1.0.0", "three");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  exchange_source();
  choose_link(source(), "tested", "1", {});
  EXPECT_EQ(sync_to({&host})[0].failure, "");
  for (const auto* link : {"1", "latest", "stable", "tested"}) EXPECT_EQ(at(host).links()[link], "1.1.0+1") << link;
  EXPECT_EQ(at(host).links()["1.0"], "1.0.0+2");
  // But for what nobody knows there, whatever links lead to it.
  fs::create_directories(host.directory() / "app/versions/2.0.0+1");
  write(host.directory() / "app/versions/2.0.0+1/release.json", "{}");
  fs::create_symlink("2.0.0+1", host.directory() / "app/versions/mine");
  EXPECT_TRUE(sync_to({&host})[0].nothing_to_do());
}

TEST_F(SyncRecords, WhatOneSenderChoseAnotherLeaves) {
  install_of("1.0.0", "one");
  install_of("1.1.0", "two");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  copy_source();
  exchange_source();
  choose_link(source(), "stable", "1.0.0+1", {});
  sync_to({&host});
  EXPECT_EQ(at(host).links()["stable"], "1.0.0+1");
  exchange_source();
  const auto report = sync_to({&host})[0];
  EXPECT_EQ(report.failure, "");
  EXPECT_EQ(at(host).links()["stable"], "1.0.0+1");
  EXPECT_THAT(report.kept, ElementsAre("versions/stable"));
  // The first one's choice is its own still.
  exchange_source();
  forget_link(source(), "stable", {});
  EXPECT_EQ(sync_to({&host})[0].failure, "");
  EXPECT_EQ(at(host).links()["stable"], "1.1.0+1");
}

TEST_F(SyncRecords, ADestinationThatReplacedAnotherTakesItsChoicesOver) {
  install_of("1.0.0", "one");
  install_of("1.1.0", "two");
  auto& host = hosts->add("node1");
  host.start();
  choose_link(source(), "stable", "1.0.0+1", {});
  choose_link(source(), "tested", "1.0.0+1", {});
  choose_link(source(), "old", "1.0.0+1", {});
  sync_to({&host});
  choose_link(at(host), "tested", "1.1.0", {});
  copy_source();
  forget_link(source(), "stable", {});
  forget_link(source(), "old", {});
  const auto before = sync_to({&host})[0];
  EXPECT_THAT(before.kept, ElementsAre("versions/stable", "versions/tested"));
  EXPECT_THAT(before.kept_of_others, ElementsAre("versions/stable"));
  choices = OthersChoices::are_taken_over;
  const auto report = sync_to({&host})[0];
  EXPECT_THAT(report.links, ElementsAre("versions/stable"));
  EXPECT_THAT(report.kept, ElementsAre("versions/tested")) << "which the host chose itself";
  EXPECT_EQ(at(host).links()["stable"], "1.1.0+1");
  EXPECT_EQ(at(host).wishes().chosen["old"], "1.0.0+1") << "of which nothing is known here";
  // What it chooses from now on is its own, though it be what the other one brought once.
  choose_link(at(host), "stable", "1.0.0+1", {});
  EXPECT_THAT(sync_to({&host})[0].kept, ElementsAre("versions/stable", "versions/tested"));
}

TEST_F(SyncRecords, ARunThatEndsBetweenRecordsFreezesNoLink) {
  install_of("1.0.0", "one");
  install_of("1.1.0", "two");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  choose_link(at(host), "own", "1.0.0", {});
  // Before each of the records gets its name: both copies of what is being brought, of the links, of what was brought.
  const auto program = temporary_.path() / "hosts/node1/bin/mv";
  for (const std::size_t at_which : {1U, 2U, 3U, 4U, 5U, 6U}) {
    const auto chosen = fmt::format("1.{}.0+1", at_which % 2);
    choose_link(source(), "stable", chosen, {});
    choose_link(source(), "tested", chosen, {});
    have_program(host, "mv",
                 fmt::format("case $* in *links.json* | *brought.json*)\n  echo >>$0.count\n"
                             "  [ $(wc -l <$0.count) != {} ] || exit 1\nesac\nexec /usr/bin/mv \"$@\"\n",
                             at_which));
    EXPECT_NE(sync_to({&host})[0].failure, "") << at_which;
    fs::remove(program);
    fs::remove(program.native() + ".count");
    EXPECT_EQ(sync_to({&host})[0].failure, "");
    for (const auto* alias : {"stable", "tested"}) EXPECT_EQ(at(host).links()[alias], chosen) << alias << at_which;
    EXPECT_EQ(at(host).links()["own"], "1.0.0+1");
  }
  EXPECT_TRUE(sync_to({&host})[0].nothing_to_do());
}

TEST_F(SyncRecords, WhatAHostChoseThoughItWasThereStays) {
  install_of("1.0.0", "one");
  install_of("1.1.0", "two");
  auto& host = hosts->add("node1");
  host.start();
  choose_link(source(), "stable", "1.0.0+1", {});
  sync_to({&host});
  choose_link(at(host), "stable", "1.0.0+1", {});
  choose_link(source(), "stable", "1.1.0+1", {});
  EXPECT_THAT(sync_to({&host})[0].kept, ElementsAre("versions/stable"));
  EXPECT_EQ(at(host).links()["stable"], "1.0.0+1");
}

TEST_F(SyncRecords, ADirectoryThatSomebodyMadeUsesUpNoIds) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  fs::create_directory(destination_ / "versions/1.0.0+20261123");
  fs::create_directory(destination_ / "versions/1.0.0+1000000000");
  fs::create_directory(destination_ / "versions/1.0.0+2");
  write(destination_ / "versions/1.0.0+2/file", "");
  sync_to({&host});
  EXPECT_EQ(at(host).used_id("1.0.0"), 1U);
  EXPECT_EQ(install_of("1.0.0", "two").version, "1.0.0+3");
  EXPECT_EQ(sync_to({&host})[0].failure, "");
}

TEST_F(SyncRecords, ManyVersionsThatAHostHadAreNotedAtOnce) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  std::map<std::string, std::uint64_t> ids;
  for (int i = 0; i < 5000; ++i) ids[fmt::format("2.{}", i)] = 3;
  at(host).set_used_ids(ids);
  EXPECT_EQ(sync_to({&host})[0].failure, "");
  EXPECT_EQ(source().used_id("2.4711"), 3U);
  for (int i = 0; i < 10'000; ++i) ids[fmt::format("3.{}", i)] = 3;
  at(host).set_used_ids(ids);
  EXPECT_THAT(sync_to({&host})[0].failure, HasSubstr("it has 15001 versions"));
}

TEST_F(SyncRecords, WhatAHostChoseItselfStaysThoughItWasTheSameForAWhile) {
  for (const auto* version : {"1.0.0", "1.1.0", "1.2.0"}) install_of(version, version);
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  choose_link(at(host), "stable", "1.0.0+1", {});
  choose_link(source(), "stable", "1.1.0+1", {});
  sync_to({&host});
  choose_link(at(host), "stable", "1.1.0+1", {});
  sync_to({&host});
  choose_link(source(), "stable", "1.2.0+1", {});
  sync_to({&host});
  EXPECT_EQ(at(host).links()["stable"], "1.1.0+1");
}

TEST_F(SyncRecords, TheDestinationOfAnotherReleaseIsLeftAlone) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  install_of("1.1.0", "two");
  fs::create_directories(host.directory() / "app/versions/0.9.0+1");
  write(host.directory() / "app/versions/0.9.0+1/release.json", "{\n \"format\": 1,\n \"name\": \"other\",\n}\n");
  EXPECT_THAT(sync_to({&host})[0].failure, HasSubstr("is the destination of another release there, other"));
  EXPECT_FALSE(fs::exists(host.directory() / "app/versions/1.1.0+1"));
}

TEST_F(SyncRecords, LinksOfAHostsOwnManifestStay) {
  install_of("1.0.0", "one");
  install_of("1.1.0", "two");
  source().set_wishes({.manifest = {{"tested", "1.0.0"}}, .chosen = {}});
  source().switch_links();
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  EXPECT_EQ(at(host).links()["tested"], "1.0.0+1");
  at(host).set_wishes({.manifest = {{"stable", "1.0"}, {"tested", "1.0.0"}}, .chosen = {}});
  source().set_wishes({.manifest = {{"stable", "latest"}, {"tested", "1.1.0"}}, .chosen = {}});
  source().switch_links();
  const auto report = sync_to({&host})[0];
  EXPECT_EQ(report.failure, "");
  EXPECT_EQ(at(host).links()["stable"], "1.0.0+1");
  EXPECT_EQ(at(host).links()["tested"], "1.1.0+1") << "which came from here";
  EXPECT_THAT(report.kept, ElementsAre("versions/stable"));
}

TEST_F(SyncRecords, LostRecordsOfAHostAreTakenFromTheirCopiesAndMended) {
  install_of("1.0.0", "one");
  install_of("1.1.0", "two");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  choose_link(at(host), "stable", "1.0.0+1", {});
  at(host).set_used_id("1.0.0", 7);
  const auto expect_kept = [&] {
    EXPECT_EQ(sync_to({&host})[0].failure, "");
    EXPECT_EQ(at(host).wishes().chosen, (Wishes{{"stable", "1.0.0+1"}}));
    EXPECT_EQ(at(host).links()["stable"], "1.0.0+1");
    EXPECT_EQ(at(host).used_id("1.0.0"), 7U);
    for (const auto* name : {"links.json", "used.json"}) {
      EXPECT_EQ(read_file_if_exists(own(host) / name), read(own(host) / (name + std::string(".copy")))) << name;
      EXPECT_NE(read_file_if_exists(own(host) / name), "") << name;
    }
  };
  for (const auto* name : {"links.json", "used.json"}) write(own(host) / name, "");
  expect_kept();
  for (const auto* name : {"links.json", "used.json"}) fs::remove(own(host) / name);
  install_of("1.2.0", "three");
  expect_kept();
  for (const auto* name : {"links.json.copy", "used.json.copy", "brought.json", "brought.json.copy"})
    write(own(host) / name, "{");
  expect_kept();
  EXPECT_NE(read(own(host) / "brought.json"), "{");
}

TEST_F(SyncRecords, AHostThatHasLostARecordIsLeftAsItIs) {
  install_of("1.0.0", "one");
  choose_link(source(), "tested", "1.0.0", {});
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  install_of("1.1.0", "two");
  for (const auto* name : {"used.json", "links.json"}) {
    const auto path = own(host) / name, copy = own(host) / (name + std::string(".copy"));
    const auto text = read(path);
    write(path, "");
    write(copy, "");
    EXPECT_THAT(sync_to({&host})[0].failure, HasSubstr(fmt::format("\"node1:.karapace/{}\" is damaged", name)));
    EXPECT_THAT(at(host).versions(), ElementsAre("1.0.0+1"));
    EXPECT_EQ(read(path), "");
    write(path, text);
  }
  EXPECT_EQ(sync_to({&host})[0].failure, "");
}

TEST_F(SyncRecords, WhatWasChosenAndUsedOnAHostStays) {
  install_of("1.0.0", "one");
  install_of("1.1.0", "two");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  choose_link(at(host), "stable", "1.0.0+1", {});
  choose_link(at(host), "mine", "stable", {});
  at(host).set_used_id("1.1.0", 7);
  source().set_used_id("1.0.0", 5);
  install_of("1.2.0", "three");
  choose_link(source(), "tested", "1.1.0", {});
  const auto report = sync_to({&host})[0];
  EXPECT_EQ(report.failure, "");
  EXPECT_EQ(at(host).wishes().chosen, (Wishes{{"mine", "stable"}, {"stable", "1.0.0+1"}, {"tested", "1.1.0"}}));
  auto links = source().links();
  links["stable"] = links["mine"] = "1.0.0+1";
  EXPECT_EQ(at(host).links(), links);
  EXPECT_EQ(at(host).used_id("1.1.0"), 7U);
  EXPECT_EQ(at(host).used_id("1.0.0"), 5U);
  EXPECT_TRUE(sync_to({&host})[0].nothing_to_do());
  // What came from here goes with what is chosen here; what was chosen there is free when it is forgotten there.
  choose_link(source(), "tested", "1.2.0", {});
  forget_link(at(host), "stable", {});
  EXPECT_EQ(sync_to({&host})[0].failure, "");
  EXPECT_EQ(at(host).links()["tested"], "1.2.0+1");
  EXPECT_EQ(at(host).links()["stable"], "1.2.0+1");
  forget_link(source(), "tested", {});
  install_of("1.3.0", "four");
  EXPECT_EQ(sync_to({&host})[0].failure, "");
  EXPECT_EQ(at(host).wishes().chosen, (Wishes{{"mine", "stable"}}));
}

TEST_F(SyncRecords, ChoicesThatMakeACircleTogetherAreToldAndNothingIsChanged) {
  install_of("1.0.0", "one");
  choose_link(source(), "b", "1.0.0", {});
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  choose_link(at(host), "a", "b", {});
  choose_link(source(), "a", "1.0.0", {});
  choose_link(source(), "b", "a", {});
  install_of("1.1.0", "two");
  EXPECT_THAT(sync_to({&host})[0].failure,
              AllOf(HasSubstr("node1: what was chosen there and here"), HasSubstr("circle")));
  EXPECT_THAT(at(host).versions(), ElementsAre("1.0.0+1"));
}

TEST_F(SyncRecords, NamesThatAHostUsedAreToldAndNotGivenHereAgain) {
  install_of("1.0.0", "one");
  install_of("1.1.0", "two");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host}, {"1.1.0+1"});
  at(host).set_used_id("1.0.0", 7);
  install_of("1.2.0", "three");
  at(host).set_used_id("1.2.0", 3);
  const auto report = sync_to({&host})[0];
  EXPECT_EQ(report.failure, "");
  EXPECT_THAT(report.reused, ElementsAre("1.2.0+1")) << "1.0.0+1 is known to be the one from here";
  EXPECT_EQ(install_of("1.0.0", "four").version, "1.0.0+8");
  EXPECT_EQ(install_of("1.2.0", "five").version, "1.2.0+4");
  // One that was brought, and is gone there, is the same when it comes again, and another of another sender.
  remove_tree(host.directory() / "app/versions/1.0.0+1");
  EXPECT_THAT(sync_to({&host})[0].reused, IsEmpty());
  remove_tree(host.directory() / "app/versions/1.0.0+1");
  exchange_source();
  install_of("1.0.0", "six");
  EXPECT_THAT(sync_to({&host})[0].reused, ElementsAre("1.0.0+1"));
}

TEST_F(SyncRecords, AHostWithIdsBeyondReasonIsLeftAsItIs) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  at(host).set_used_id("1.0.0", ~0ULL);
  write(own(host) / "used.json.copy", read(own(host) / "used.json"));
  EXPECT_THAT(sync_to({&host})[0].failure, HasSubstr("node1:.karapace/used.json can not be: \"1.0.0\" had"));
  EXPECT_EQ(source().used_id("1.0.0"), 1U);
  // Nor does a host use them up for all, or a name that nobody gave.
  const std::string used = "{\"format\": 1, \"highest\": {\"1.0.0\": 900000000}}";
  for (const auto* name : {"used.json", "used.json.copy"}) write(own(host) / name, used);
  EXPECT_THAT(sync_to({&host})[0].failure, HasSubstr("\"1.0.0\" had 900000000 builds"));
  for (const auto* name : {"used.json", "used.json.copy"}) fs::remove(own(host) / name);
  fs::create_directory(destination_ / "versions/1.0.0+2000000000");
  fs::create_directory(host.directory() / "app/versions/1.0.0+2000000000");
  EXPECT_EQ(sync_to({&host})[0].failure, "");
  EXPECT_EQ(at(host).used_id("1.0.0"), 1U);
  source().set_used_id("1.0.0", most_builds + 1);
  EXPECT_THROW(sync_to({&host}), StoreError);
  EXPECT_EQ(at(host).used_id("1.0.0"), 1U);
}

TEST_F(SyncRecords, OwnUsedIdsAreReadAsTheDestinationDoes) {
  install_of("1.0.0", "one");
  source().set_used_id("1.0.0", 7);
  auto& host = hosts->add("node1");
  host.start();
  write(destination_ / ".karapace/used.json", "{");
  EXPECT_EQ(sync_to({&host})[0].failure, "");
  EXPECT_EQ(at(host).used_id("1.0.0"), 7U);
  source().set_used_id("1.0.0", 8);
  fs::remove(destination_ / ".karapace/used.json");
  EXPECT_EQ(sync_to({&host})[0].failure, "");
  EXPECT_EQ(at(host).used_id("1.0.0"), 8U);
}

TEST_F(SyncRecords, RecordsOfVersionsThatAreOthersThereAreMended) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  install_of("1.1.0", "two");
  write(own(host) / "installed/1.1.0+1", "of another version\n");
  EXPECT_EQ(sync_to({&host})[0].failure, "");
  expect_equal(host);
  const auto lock = ".karapace/locks/" + source().document("1.0.0+1").lock.hex();
  for (const auto& name : {std::string(".karapace/installed/1.0.0+1"), lock}) {
    const auto path = host.directory() / "app" / name;
    const auto time = modified_ns(path);
    store::flip_byte(path);
    EXPECT_THAT(sync_to({&host})[0].links, ElementsAre(name));
    EXPECT_EQ(read(path), read(destination_ / name));
    EXPECT_EQ(modified_ns(path), time);
    fs::remove(path);
    EXPECT_THAT(sync_to({&host})[0].links, ElementsAre(name));
    expect_equal(host);
  }
  EXPECT_TRUE(sync_to({&host})[0].nothing_to_do());
}

}  // namespace
}  // namespace karapace::release
