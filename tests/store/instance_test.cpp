// SPDX-License-Identifier: Apache-2.0
#include "store/instance.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "store/gc.hpp"
#include "store/instance_names.hpp"
#include "store/kept_record.hpp"
#include "store/snapshot.hpp"
#include "store/store_identity.hpp"
#include "store/verify.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

namespace fs = std::filesystem;

struct InstanceTest : StoreTest {
  Environment first_ = environment_of(store_, "first");
  Environment second_ = environment_of(store_, "second");
  Reference reference_{first_.id, root_of(first_, "first")};
  Instance instance_ = open_instance(store_, reference_);

  Instance now() const { return find_instance(store_, instance_.id).value(); }
  static void put(const fs::path& path, std::string_view text) { write_file_atomically(path, text, Durable::no); }

  /// A generation in staging with one file.
  fs::path made(const Staging& staging, std::string_view text) const {
    const auto directory = staging.path() / "generation";
    make_generation(directory, next_number(instance_.directory), second_.id, Durable::no);
    put(directory / "upper" / "note", text);
    return directory;
  }
  void replace(std::string_view text) {
    const auto held = own_instance(store_, instance_);
    ASSERT_TRUE(held);
    const auto staging = store_.stage();
    replace_generation(store_, instance_.directory, made(staging, text));
  }
  std::string note() const { return read_file(now().upper() / "note"); }
};

TEST_F(InstanceTest, AReplacedStateIsKeptAndComesBack) {
  put(instance_.upper() / "note", "one");
  replace("two");
  EXPECT_EQ(note(), "two");
  EXPECT_EQ(now().current.environment, second_.id);
  EXPECT_EQ(now().previous->environment, first_.id);
  EXPECT_TRUE(exchange_generations(instance_.directory));
  EXPECT_EQ(note(), "one");
  EXPECT_TRUE(exchange_generations(instance_.directory));
  EXPECT_EQ(note(), "two");
  replace("three");
  EXPECT_TRUE(exchange_generations(instance_.directory));
  EXPECT_EQ(note(), "two");
  EXPECT_FALSE(fs::exists(instance_.directory / "next"));
}

TEST_F(InstanceTest, WhatWasToComeWhenAProcessWasKilledGoesAndWhatWasReplacedStays) {
  put(instance_.upper() / "note", "one");
  const auto staging = store_.stage();
  // Killed before the exchange.
  fs::rename(made(staging, "two"), instance_.directory / "next");
  EXPECT_EQ(needs_of_instance(store_, instance_.id)->environments.size(), 2u);
  ASSERT_TRUE(own_instance(store_, instance_));
  EXPECT_EQ(note(), "one");
  EXPECT_FALSE(now().next || now().previous);
  // Killed after it.
  fs::rename(made(staging, "two"), instance_.directory / "next");
  ASSERT_EQ(::renameat2(AT_FDCWD, (instance_.directory / "next").c_str(), AT_FDCWD,
                        (instance_.directory / "current").c_str(), RENAME_EXCHANGE),
            0);
  ASSERT_TRUE(own_instance(store_, instance_));
  EXPECT_EQ(note(), "two");
  EXPECT_EQ(read_file(now().previous->upper() / "note"), "one");
}

TEST_F(InstanceTest, NothingIsReplacedWhileASessionRuns) {
  const auto session = use_instance(instance_);
  ASSERT_TRUE(session);
  EXPECT_FALSE(own_instance(store_, instance_));
}

TEST_F(InstanceTest, GcKeepsTheEnvironmentsOfAllStates) {
  replace("two");
  collect_garbage(store_, {});
  EXPECT_TRUE(find_environment(store_, first_.id));
  EXPECT_TRUE(find_environment(store_, second_.id));
}

TEST_F(InstanceTest, IsFoundByItsNameAndItsIdAndKeepsBothWhenItsProjectIsForgotten) {
  add_root(store_, *reference_.root);
  name_instance(store_, instance_, "work");
  for (const auto* word : {"work", instance_.id.c_str()}) {
    const auto found = resolve_reference(store_, word, "/");
    EXPECT_EQ(found.instance, instance_.id) << word;
    EXPECT_EQ(found.root->manifest, reference_.root->manifest);
  }
  remove_root(store_, reference_.root->manifest);
  EXPECT_EQ(resolve_reference(store_, "work", "/").environment, first_.id);
  EXPECT_TRUE(remove_instance(store_, now()));
  EXPECT_FALSE(find_named_instance(store_, "work"));
}

TEST_F(InstanceTest, ANameIsGivenOnceAndFreeAgainAfterwards) {
  auto other = open_instance(store_, {second_.id, std::nullopt});
  name_instance(store_, instance_, "work");
  EXPECT_THAT(error_of([&] { name_instance(store_, other, "work"); }),
              testing::HasSubstr("is called \"work\" already"));
  add_root(store_, root_of(second_, "second"));
  EXPECT_THAT(error_of([&] { name_instance(store_, instance_, "second"); }),
              testing::HasSubstr("the project /projects/second/karapace.toml is called"));
  EXPECT_THAT(error_of([&] { name_instance(store_, instance_, "../x"); }), testing::HasSubstr("must be of 1 to 64"));
  name_instance(store_, instance_, "play");
  name_instance(store_, other, "work");
  EXPECT_EQ(find_named_instance(store_, "work")->id, other.id);
  EXPECT_EQ(find_named_instance(store_, "play")->id, instance_.id);
}

TEST_F(InstanceTest, AProjectDoesNotTakeOverTheNameOfAnotherOnesInstance) {
  add_root(store_, *reference_.root);
  name_instance(store_, instance_, "second");
  add_root(store_, root_of(second_, "second"));
  EXPECT_EQ(error_of([&] { resolve_reference(store_, "second", "/"); }),
            "\"second\" is the name of the project /projects/second/karapace.toml and of the instance " + instance_.id +
                "; name the one by its path or the other by its id, and give it another name with `karapace rename`");
  EXPECT_EQ(resolve_reference(store_, "/projects/second/karapace.toml", "/").environment, second_.id);
  EXPECT_EQ(resolve_reference(store_, instance_.id, "/").environment, first_.id);
}

TEST_F(InstanceTest, OneThatCanNotBeGivenStaysWhereItIs) {
  auto place = root_of(second_, "moved");
  open_instance(store_, {second_.id, place});  // by a session that was quicker
  auto held = own_instance(store_, instance_).value();
  EXPECT_THAT(error_of([&] { give_instance(store_, held.instance, place.manifest, std::nullopt); }),
              testing::HasSubstr("File exists"));
  EXPECT_EQ(now().manifest, reference_.root->manifest);
}

TEST_F(InstanceTest, OneThatAKillLeftInTheNewPlaceIsGivenWhenAskedAgain) {
  auto place = root_of(second_, "moved");
  const auto id = instance_id({second_.id, place});
  fs::rename(instance_.directory, store_.instances_path() / id);
  auto held = own_instance(store_, find_instance(store_, id).value()).value();
  give_instance(store_, held.instance, place.manifest, std::nullopt);
  EXPECT_EQ(find_instance(store_, id)->manifest, place.manifest);
}

TEST_F(InstanceTest, OneIsGivenToItsProjectsNewPlace) {
  put(instance_.upper() / "note", "mine");
  name_instance(store_, instance_, "work");
  const auto snapshot = commit_snapshot(store_, now(), "", {}).snapshot;
  auto place = root_of(second_, "moved");
  add_root(store_, place);
  const Reference moved{second_.id, place};
  const auto fresh = open_instance(store_, moved);
  auto held = own_instance(store_, instance_).value();
  {
    const auto replaced = own_instance(store_, fresh).value();
    give_instance(store_, held.instance, place.manifest, replaced.instance);
  }
  EXPECT_EQ(held.instance.id, instance_id(moved));
  EXPECT_FALSE(find_instance(store_, reference_));
  const auto found = find_instance(store_, moved).value();
  EXPECT_EQ(read_file(found.upper() / "note"), "mine");
  EXPECT_EQ(found.manifest, place.manifest);
  EXPECT_EQ(found.current.environment, first_.id);
  EXPECT_EQ(find_snapshot(found, snapshot.id.hex()).environment, first_.id);
  EXPECT_EQ(find_named_instance(store_, "work")->id, found.id);
  EXPECT_TRUE(verify_store(store_, {}).problems.empty());
}

TEST_F(InstanceTest, ANameLeadsToItsInstanceAlsoWhenAKillLeftItWithTheOldId) {
  name_instance(store_, instance_, "work");
  auto held = own_instance(store_, instance_).value();
  give_instance(store_, held.instance, "/projects/moved/karapace.toml", std::nullopt);
  write_file_atomically(store_.root() / "names/work", instance_.id, Durable::yes, 0444);
  EXPECT_EQ(find_named_instance(store_, "work")->id, held.instance.id);
}

TEST_F(InstanceTest, ANameIsNoId) {
  for (const auto* name : {"9fc9", "9fc9aba9bbcd08bc"})
    EXPECT_THAT(error_of([&] { name_instance(store_, instance_, name); }), testing::HasSubstr("could be an id"));
  name_instance(store_, instance_, "abc");
}

TEST_F(InstanceTest, AnEnvironmentsIdStandsForWhatAProjectLeftThere) {
  auto root = *reference_.root;
  root.environment = second_.id;
  add_root(store_, root);
  const auto found = resolve_reference(store_, first_.id.short_hex(), "/");
  EXPECT_EQ(found.environment, first_.id);
  EXPECT_EQ(found.instance, instance_.id);
  auto other = root_of(first_, "other");
  open_instance(store_, {first_.id, other});
  EXPECT_THAT(error_of([&] { resolve_reference(store_, first_.id.short_hex(), "/"); }),
              testing::HasSubstr("there are 2 instances"));
}

TEST_F(InstanceTest, WhatUndoWouldHaveBroughtBackBecomesASnapshotWhenItIsReplaced) {
  put(instance_.upper() / "note", "precious");
  replace("two");
  const auto held = own_instance(store_, instance_);
  const auto kept = keep_previous(store_, held->instance, {});
  ASSERT_TRUE(kept);
  EXPECT_EQ(read_file(kept->snapshot.tree() / "note"), "precious");
  EXPECT_EQ(kept->snapshot.environment, first_.id);
  EXPECT_FALSE(keep_previous(store_, held->instance, {}));
}

TEST_F(InstanceTest, WhatDiffersFromItsSnapshotByContentAloneIsKept) {
  const auto time = fs::file_time_type::clock::now();
  const auto write = [&](std::string_view text) {
    std::ofstream(instance_.upper() / "note") << text;
    fs::last_write_time(instance_.upper() / "note", time);
    fs::last_write_time(instance_.upper(), time);
  };
  write("one");
  commit_snapshot(store_, instance_, "", {});
  write("two");
  replace("three");
  const auto held = own_instance(store_, instance_);
  const auto kept = keep_previous(store_, held->instance, {});
  ASSERT_TRUE(kept);
  EXPECT_EQ(read_file(kept->snapshot.tree() / "note"), "two");
}

TEST_F(InstanceTest, WhatIsReplacedTwiceIsRemovedInTheBackground) {
  put(instance_.upper() / "note", "one");
  replace("two");
  replace("three");
  const auto held = own_instance(store_, instance_);
  EXPECT_TRUE(held) << "the process that removes it holds the instance";
  for (int tries = 0; tries < 5000 && !names_in(store_.staging_path()).empty(); ++tries) ::usleep(1000);
  EXPECT_THAT(names_in(store_.staging_path()), testing::IsEmpty());
  EXPECT_EQ(note(), "three");
  EXPECT_EQ(read_file(now().previous->upper() / "note"), "two");
}

TEST_F(InstanceTest, ALaterCommitLeavesAnEarlierSnapshotAsItIs) {
  put(instance_.upper() / "note", "mine");
  const auto first = commit_snapshot(store_, instance_, "keep", {});
  set_environment(instance_.current, second_.id);
  EXPECT_FALSE(commit_snapshot(store_, now(), "later", {}).is_new);
  EXPECT_EQ(snapshots(now())[0].environment, first_.id);
  EXPECT_EQ(snapshots(now())[0].message, "keep");
}

TEST_F(InstanceTest, PartsThatAreMissingAreTold) {
  for (const auto* part : {"lock", "snapshots", "current/upper"}) {
    fs::remove_all(instance_.directory / part);
    EXPECT_EQ(verify_store(store_, {}).problems.size(), 1u) << part;
  }
}

TEST_F(InstanceTest, ALockThatIsGoneIsMadeAgain) {
  fs::remove(instance_.directory / "lock");
  EXPECT_TRUE(use_instance(instance_));
  fs::remove(instance_.directory / "lock");
  EXPECT_TRUE(own_instance(store_, instance_));
}

// As a kill between the two leaves it.
TEST_F(InstanceTest, ACopyThatIsOlderIsNoDamageAndIsMendedFromTheRecord) {
  const auto before = read_file(instance_.directory / "instance.json.copy");
  name_instance(store_, instance_, "work");
  write_file_atomically(instance_.directory / "instance.json.copy", before, Durable::no, 0444);
  EXPECT_TRUE(verify_store(store_, {}).problems.empty());
  EXPECT_TRUE(restore_kept_record(instance_.directory / "instance.json"));
  EXPECT_EQ(read_file(instance_.directory / "instance.json.copy"), read_file(instance_.directory / "instance.json"));
  EXPECT_EQ(now().name, "work");
}

TEST_F(InstanceTest, ASnapshotBringsTheScaffoldBackThatItWasMadeWith) {
  put(instance_.upper() / "note", "mine");
  add_scaffold(instance_.current, {{"etc", ScaffoldKind::directory, {}}});
  const auto committed = commit_snapshot(store_, instance_, "", {});
  replace("two");
  const auto held = own_instance(store_, instance_);
  restore_snapshot(store_, held->instance, committed.snapshot, first_.id, {});
  EXPECT_EQ(read_scaffold(now().current).size(), 1u);
}

TEST_F(InstanceTest, AFlippedByteInAGenerationIsFoundAndBroughtBackFromItsCopy) {
  flip_byte(instance_.current.directory / "generation.json");
  EXPECT_THAT(error_of([&] { now(); }), testing::HasSubstr("is damaged"));
  VerifyOptions repair;
  repair.repair = Repair::yes;
  const auto report = verify_store(store_, repair);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_TRUE(report.problems[0].repaired);
  EXPECT_EQ(now().current.environment, first_.id);
}

TEST_F(StoreTest, TheFirstIdModeCountsAndAnotherIsRefused) {
  claim_id_mode(store_, "subid", "100000+65536", "");
  claim_id_mode(store_, "subid", "100000+65536", "");
  EXPECT_THAT(error_of([&] { claim_id_mode(store_, "single", "", "newuidmap is missing"); }),
              testing::HasSubstr("holds files of the id mode subid (100000+65536), and here it would be single: "
                                 "newuidmap is missing"));
  EXPECT_THAT(error_of([&] { claim_id_mode(store_, "subid", "200000+65536", ""); }), testing::HasSubstr("(200000+"));
  EXPECT_EQ(read_identity(store_.root()).id_mode, "subid");
}

TEST_F(StoreTest, AStoreWhoseIdentityIsLostIsStillOne) {
  write_file_atomically(store_.root() / "version", "karapace store 2\n", Durable::no);
  const auto again = Store::open(store_.root(), Store::Access::update);
  EXPECT_TRUE(read_identity(again.root()).id_mode.empty());
  claim_id_mode(again, "root", "", "");
  EXPECT_EQ(read_identity(again.root()).id_mode, "root");
}

}  // namespace
}  // namespace karapace::store
