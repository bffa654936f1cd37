// SPDX-License-Identifier: Apache-2.0
#include "store/migration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "base/file_lock.hpp"
#include "base/json/seal.hpp"
#include "store/instance.hpp"
#include "store/instance_names.hpp"
#include "store/store_identity.hpp"
#include "store/verify.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

namespace fs = std::filesystem;

/// A store of version 1 with two instances of one project and one of an environment.
struct MigrationTest : ::testing::Test {
  TemporaryDirectory temporary_;
  fs::path root_ = temporary_.path() / "store";
  EnvironmentId older_, newer_;
  std::string older_name_, newer_name_;

  MigrationTest() {
    const auto store = Store::open(root_, Store::Access::create);
    older_ = environment_of(store, "older").id;
    newer_ = environment_of(store, "newer").id;
    older_name_ = add_old(older_, "/p/karapace.toml", "old changes");
    newer_name_ = add_old(newer_, "/p/karapace.toml", "new changes");
    timespec times[2] = {{1000, 0}, {1000, 0}};
    ::utimensat(AT_FDCWD, (root_ / "instances" / older_name_ / "upper").c_str(), times, 0);
    add_old(older_, {}, "without a project");
    fs::remove(root_ / "lock");
    write_file_atomically(root_ / "version", "karapace store 1\n", Durable::no);
  }

  std::string add_old(const EnvironmentId& environment, const std::string& manifest, std::string_view note) const {
    const auto name = manifest.empty() ? environment.short_hex()
                                       : environment.short_hex() + "-" + blake3(manifest).hex().substr(0, 8);
    const auto directory = root_ / "instances" / name;
    fs::create_directories(directory / "upper");
    fs::create_directories(directory / "work");
    write_file_atomically(directory / "upper" / "note", note, Durable::no);
    write_file_atomically(directory / "first-entry", "done\n", Durable::no);
    const auto text = manifest.empty() ? std::string("null") : "\"" + manifest + "\"";
    write_file_atomically(directory / "instance.json",
                          sealed("{\n \"environment\": \"" + environment.hex() +
                                 "\",\n \"format\": 1,\n \"manifest\": " + text + "\n}\n"),
                          Durable::no);
    return name;
  }

  Store open() const { return Store::open(root_, Store::Access::update); }
  static std::string note(const Instance& instance) { return read_file(instance.upper() / "note"); }

  void expect_migrated() const {
    const auto store = open();
    ASSERT_EQ(instances(store).whole.size(), 3u);
    Reference project{newer_, Root{}};
    project.root->manifest = "/p/karapace.toml";
    const auto own = find_instance(store, project).value();
    EXPECT_EQ(note(own), "new changes");
    EXPECT_EQ(own.current.environment, newer_);
    EXPECT_EQ(read_file(own.current.first_entry()), "done\n");
    EXPECT_EQ(note(find_instance(store, {older_, std::nullopt}).value()), "without a project");
    EXPECT_EQ(note(find_instance(store, blake3("instance " + older_name_).hex().substr(0, 16)).value()), "old changes");
  }
};

TEST_F(MigrationTest, AStoreOfVersion1IsRefusedUntilItIsMigrated) {
  EXPECT_THAT(error_of([&] { open(); }), testing::HasSubstr("is of version 1, and this karapace uses version 2: run "
                                                            "`karapace migrate`"));
  EXPECT_EQ(migrate_store(root_).instances.size(), 3u);
  expect_migrated();
  EXPECT_EQ(migrate_store(root_).instances.size(), 0u);
}

TEST_F(MigrationTest, GoesBackToWhatItWas) {
  migrate_store(root_);
  EXPECT_EQ(migrate_store_back(root_).to, 1);
  EXPECT_EQ(read_file(root_ / "version"), "karapace store 1\n");
  for (const auto& name : {older_name_, newer_name_, older_.short_hex()}) {
    EXPECT_EQ(names_in(root_ / "instances" / name),
              (std::vector<std::string>{"first-entry", "instance.json", "upper", "work"}));
  }
  EXPECT_EQ(read_file(root_ / "instances" / newer_name_ / "upper" / "note"), "new changes");
  migrate_store(root_);
  expect_migrated();
}

TEST_F(MigrationTest, TheWayBackNamesWhatWouldBeLost) {
  migrate_store(root_);
  {
    const auto store = open();
    auto instance = instances(store).whole[0];
    name_instance(store, instance, "mine");
    instance.frozen = true;
    write_instance(instance);
  }
  EXPECT_THAT(error_of([&] { migrate_store_back(root_); }),
              testing::AllOf(testing::HasSubstr(" is frozen; "), testing::HasSubstr(" has a name of its own")));
  EXPECT_EQ(instances(open()).whole.size(), 3u);
}

TEST_F(MigrationTest, TheWayBackIsRefusedWhereTwoInstancesWouldHaveOneName) {
  migrate_store(root_);
  {
    const auto store = open();
    const auto left = find_instance(store, blake3("instance " + older_name_).hex().substr(0, 16)).value();
    set_environment(left.current, newer_);
  }
  EXPECT_THAT(error_of([&] { migrate_store_back(root_); }),
              testing::HasSubstr("are of one project and in one environment"));
  EXPECT_EQ(instances(open()).whole.size(), 3u);
}

TEST_F(MigrationTest, IsRefusedWhileTheStoreIsUsedOrASessionRuns) {
  {
    const auto session = FileLock::acquire(root_ / "instances" / older_name_ / "instance.json", LOCK_SH);
    EXPECT_THAT(error_of([&] { migrate_store(root_); }), testing::HasSubstr("a session is running in the instance"));
  }
  migrate_store(root_);
  const auto store = open();
  EXPECT_THAT(error_of([&] { migrate_store_back(root_); }), testing::HasSubstr("is in use"));
}

TEST_F(MigrationTest, WhatWasKilledIsRefusedByOthersAndEndedByTheNext) {
  const auto directory = root_ / "instances" / newer_name_;
  auto identity = read_identity(root_);
  identity.migration = "to 2";
  write_identity(root_, identity);
  fs::create_directory(directory / "current");
  fs::rename(directory / "upper", directory / "current" / "upper");
  EXPECT_THAT(error_of([&] { open(); }), testing::HasSubstr("was interrupted: run `karapace migrate` to end it"));
  migrate_store(root_);
  expect_migrated();
}

// What a killed way back left: its parts are out of current/, its record is of version 1, its name is new.
TEST_F(MigrationTest, AWayBackThatWasKilledIsEndedInEitherDirection) {
  for (const bool back : {false, true}) {
    migrate_store(root_);
    auto identity = read_identity(root_);
    identity.migration = "to 1";
    write_identity(root_, identity);
    std::string id;
    for (const auto& name : names_in(root_ / "instances"))
      if (read_file(root_ / "instances" / name / "current/upper/note") == "new changes") id = name;
    const auto directory = root_ / "instances" / id;
    fs::rename(directory / "current/upper", directory / "upper");
    if (back) {
      write_file_atomically(directory / "instance.json",
                            sealed("{\n \"environment\": \"" + newer_.hex() +
                                   "\",\n \"format\": 1,\n \"manifest\": \"/p/karapace.toml\"\n}\n"),
                            Durable::no);
      fs::remove(directory / "current/generation.json");
    }
    migrate_store(root_);
    expect_migrated();
    EXPECT_TRUE(verify_store(open(), {}).problems.empty());
    EXPECT_EQ(migrate_store_back(root_).instances.size(), 3u);
  }
}

TEST_F(MigrationTest, AMigrationThatWasKilledGoesBack) {
  const auto directory = root_ / "instances" / newer_name_;
  auto identity = read_identity(root_);
  identity.migration = "to 2";
  write_identity(root_, identity);
  fs::create_directory(directory / "current");
  fs::rename(directory / "upper", directory / "current" / "upper");
  migrate_store_back(root_);
  EXPECT_EQ(read_file(directory / "upper/note"), "new changes");
  migrate_store(root_);
  expect_migrated();
}

}  // namespace
}  // namespace karapace::store
