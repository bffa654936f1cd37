// SPDX-License-Identifier: Apache-2.0
// What a repair takes out of use, what it must leave alone, and what gc may not take for garbage then.
#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "store/environment.hpp"
#include "store/gc.hpp"
#include "store/identifiers.hpp"
#include "store/instance.hpp"
#include "store/repair.hpp"
#include "store/root.hpp"
#include "store/snapshot.hpp"
#include "store/verify.hpp"
#include "tests/skipping.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

class DamageTest : public StoreTest {
 protected:
  VerifyReport verify(Repair repair = Repair::no, Owners owners = Owners::from_disk) {
    return verify_store(store_, {.repair = repair, .owners = owners, .threads = 2});
  }
  bool has_record(const Step& step) { return store_.record(step.key()).has_value(); }

  /// A step that reads the layer of `content` and makes another layer of it, or of `made_of`.
  StepRecord derive(std::string_view content, std::string_view name) {
    fetch(store_, content);
    auto input = unpack(store_, content);
    auto step = Step::normalised(StepKind::setup, {{"name", std::string(name)}}, {input.step.key()});
    auto staging = store_.stage(step);
    auto tree = staging.path() / "tree";
    make_directory(tree);
    write_file_atomically(tree / "made", fmt::format("{} of {}", name, content), Durable::no);
    const timespec times[2] = {{1000, 0}, {1000, 0}};
    for (const auto& path : {tree / "made", tree}) ::utimensat(AT_FDCWD, path.c_str(), times, 0);
    LayerOutput output{store_.add_layer(tree, scan_path(tree), staging)};
    store_.add_record({step, output});
    return {step, output};
  }

  void lose(const std::filesystem::path& path) { remove_tree(path); }
};

TEST_F(DamageTest, WhatWasMadeOfADamagedLayerGoesWithItToTheLastEnvironment) {
  auto environment = environment_of(store_, "damaged");
  auto bystander = environment_of(store_, "bystander");
  auto derived = derive("damaged", "setup");
  flip_byte(store_.layer_tree(environment.layers[0]) / "bin/file");
  auto report = verify(Repair::yes);
  EXPECT_TRUE(has_record(fetch_step_of("damaged"))) << "it was made before";
  EXPECT_FALSE(has_record(unpack_step_of("damaged")));
  EXPECT_FALSE(has_record(derived.step));
  EXPECT_FALSE(store_.has_layer(derived.layer().layer));
  EXPECT_FALSE(find_environment(store_, environment.id));
  EXPECT_TRUE(find_environment(store_, bystander.id));
  EXPECT_EQ(report.to_be_remade.size(), 3u);
  EXPECT_TRUE(std::count(report.derived.begin(), report.derived.end(),
                         Derived{ObjectKind::layer, derived.layer().layer.hex()}));
  EXPECT_TRUE(verify().problems.empty());
}

TEST_F(DamageTest, ADamagedDownloadTakesEverythingDownstreamWithIt) {
  auto environment = environment_of(store_, "damaged");
  auto derived = derive("damaged", "setup");
  flip_byte(store_.blob_path(BlobId(blake3("damaged"))));
  verify(Repair::yes);
  EXPECT_FALSE(has_record(fetch_step_of("damaged")));
  EXPECT_FALSE(has_record(derived.step));
  EXPECT_FALSE(store_.has_layer(environment.layers[0]));
  EXPECT_FALSE(find_environment(store_, environment.id));
  EXPECT_TRUE(has_record(fetch_step_of("damaged lock")));
}

TEST_F(DamageTest, WhatAHealthyStepMadeTooStays) {
  auto derived = derive("damaged", "setup");
  auto same = Step::normalised(StepKind::setup, {{"name", "another way"}}, {});
  store_.add_record({same, derived.output});
  flip_byte(store_.layer_tree(unpack(store_, "damaged").layer().layer) / "bin/file");
  verify(Repair::yes);
  EXPECT_FALSE(has_record(derived.step));
  EXPECT_TRUE(has_record(same));
  EXPECT_TRUE(store_.has_layer(derived.layer().layer));
}

TEST_F(DamageTest, ADamagedLayerWhoseRecordIsGoneStillTakesItsReaders) {
  auto derived = derive("damaged", "setup");
  auto input = unpack(store_, "damaged");
  flip_byte(store_.layer_tree(input.layer().layer) / "bin/file");
  lose(store_.step_path(input.step.key()));
  verify(Repair::yes);
  EXPECT_FALSE(has_record(derived.step));
}

TEST_F(DamageTest, OnlyWhatIsMissingIsMadeAgainWhenNothingIsDamaged) {
  auto derived = derive("lost", "setup");
  lose(store_.root() / "layers" / unpack(store_, "lost").layer().layer.hex());
  auto report = verify(Repair::yes);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(report.problems[0].trouble, Trouble::missing);
  EXPECT_TRUE(report.derived.empty());
  EXPECT_TRUE(has_record(derived.step)) << "it was made while the layer was whole";
}

TEST_F(DamageTest, WhenDescriptorsRunOutNothingIsCalledDamagedAndNothingIsTaken) {
#ifdef KARAPACE_SANITIZED
  GTEST_SKIP() << "sanitizers need descriptors of their own";
#endif
  environment_of(store_, "whole");
  auto child = fork_child([&] {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = static_cast<rlim_t>(open_at(AT_FDCWD, "/dev/null", O_RDONLY).get()) + 2;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    auto report = verify_store(store_, {.repair = Repair::yes, .threads = 1});
    if (report.problems.empty()) return 2;
    for (const auto& problem : report.problems) {
      if (problem.trouble != Trouble::unchecked || problem.repaired) return 3;
      if (problem.reason.find("Too many open files") == std::string::npos) return 4;
    }
    return report.to_be_remade.empty() ? 0 : 5;
  });
  EXPECT_EQ(wait_for(child), 0);
  EXPECT_TRUE(verify().problems.empty());
}

/// Becomes root of a user namespace that knows no id but its own, as Karapace is where there are no subordinate ids.
void enter_single_id() {
  const auto uid = ::geteuid();
  const auto gid = ::getegid();
  if (::unshare(CLONE_NEWUSER) != 0) ::_exit(77);
  auto write = [](const char* path, const std::string& text) {
    write_all(open_at(AT_FDCWD, path, O_WRONLY).get(), text, path);
  };
  write("/proc/self/setgroups", "deny");
  write("/proc/self/uid_map", fmt::format("0 {} 1", uid));
  write("/proc/self/gid_map", fmt::format("0 {} 1", gid));
}

TEST_F(DamageTest, OwnersAndModesOfAnotherIdModeAreNoDamage) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files to others";
  for (const mode_t mode : {0644u, 0600u}) {
    auto staging = store_.stage();
    auto tree = staging.path() / "tree";
    make_directory(tree);
    write_file_atomically(tree / "theirs", fmt::format("{:o}", mode), Durable::no, mode);
    ASSERT_EQ(::chown((tree / "theirs").c_str(), 33, 33), 0);
    store_.add_layer(tree, scan_path(tree), staging);
  }
  EXPECT_TRUE(verify().problems.empty());
  for (auto owners : {Owners::ignore, Owners::from_disk}) {
    auto child = fork_child([&] {
      enter_single_id();
      auto report = verify_store(store_, {.repair = Repair::yes, .owners = owners, .threads = 2});
      auto is_unchecked = [](const Problem& problem) {
        return problem.trouble == Trouble::unchecked && !problem.repaired;
      };
      bool all = std::all_of(report.problems.begin(), report.problems.end(), is_unchecked);
      return report.problems.size() == 2 && all ? 0 : 2;
    });
    const int status = wait_for(child);
    if (status == 77) KARAPACE_SKIP_TEST("no user namespaces here");
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(names_in(store_.root() / "layers").size(), 2u);
}

TEST_F(DamageTest, RepairAndGcLeaveWhatAnInstancesEnvironmentIsMadeOf) {
  auto environment = environment_of(store_, "held");
  open_instance(store_, {environment.id, std::nullopt});
  flip_byte(store_.layer_tree(environment.layers[0]) / "bin/file");
  verify(Repair::yes);
  for (int i = 0; i < 2; ++i) collect_garbage(store_, {});
  EXPECT_TRUE(store_.has_blob(environment.lock)) << "from the lock it can be built again";
  EXPECT_TRUE(store_.has_blob(BlobId(blake3("held")))) << "and this download may be nowhere else any more";
  EXPECT_TRUE(has_record(fetch_step_of("held")));
  EXPECT_EQ(environment_of(store_, "held").text(), environment.text());
  collect_garbage(store_, {});
  EXPECT_TRUE(names_in(store_.root() / "quarantine").empty()) << "nobody needs it now";
  EXPECT_TRUE(verify().problems.empty());
}

TEST_F(DamageTest, ARootThatLostAByteKeepsItsProjectsThings) {
  auto environment = environment_of(store_, "kept");
  auto root = root_of(environment, "kept");
  add_root(store_, root);
  flip_byte(store_.roots_path() / names_in(store_.roots_path())[0]);
  verify(Repair::yes);
  for (int i = 0; i < 2; ++i) collect_garbage(store_, {});
  EXPECT_TRUE(find_environment(store_, environment.id));
  EXPECT_TRUE(has_record(fetch_step_of("kept")));
  add_root(store_, root);
  collect_garbage(store_, {});
  EXPECT_TRUE(names_in(store_.root() / "quarantine").empty());
  EXPECT_TRUE(find_environment(store_, environment.id));
}

TEST_F(DamageTest, ARecordThatLostAByteDoesNotCutAnEnvironmentFromItsDownloads) {
  auto environment = environment_of(store_, "held");
  open_instance(store_, {environment.id, std::nullopt});
  flip_byte(store_.step_path(unpack_step_of("held").key()));
  verify(Repair::yes);
  for (int i = 0; i < 2; ++i) collect_garbage(store_, {});
  EXPECT_TRUE(has_record(fetch_step_of("held")));
  EXPECT_TRUE(store_.has_blob(BlobId(blake3("held"))));
}

TEST_F(DamageTest, ASnapshotIsCheckedFileByFileAndNeverTaken) {
  auto instance = open_instance(store_, {environment_of(store_, "held").id, std::nullopt});
  write_file_atomically(instance.upper() / "note", "mine", Durable::no);
  const auto snapshot = commit_snapshot(store_, instance, "", {}).snapshot;
  EXPECT_TRUE(verify().problems.empty());
  flip_byte(snapshot.directory / "snapshot.json.copy");
  auto report = verify(Repair::yes);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(class_of(report.problems[0].kind), ObjectClass::irreplaceable);
  EXPECT_TRUE(report.problems[0].repaired) << "from the record itself";
  EXPECT_TRUE(verify().problems.empty());
  flip_byte(snapshot.tree() / "note");
  report = verify(Repair::yes);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_FALSE(report.problems[0].repaired);
  EXPECT_EQ(report.problems[0].paths,
            (std::vector<DamagedPath>{{"snapshots/" + snapshot.id.hex() + "/tree/note", "content"}}));
  collect_garbage(store_, {});
  EXPECT_TRUE(std::filesystem::exists(snapshot.tree() / "note"));
}

TEST_F(DamageTest, DirectoriesOfAStoreThatAreGoneAreNoReasonToCollect) {
  for (const char* name : {"roots", "instances", "steps", "environments"}) {
    add_root(store_, root_of(environment_of(store_, name), name));
    std::filesystem::rename(store_.root() / name, temporary_.path() / name);
    EXPECT_NE(error_of([&] { Store::open(store_.root(), Store::Access::update); }).find("has lost its directory"),
              std::string::npos);
    EXPECT_THROW(collect_garbage(store_, {}), StoreError) << name;
    std::filesystem::rename(temporary_.path() / name, store_.root() / name);
    EXPECT_TRUE(find_environment(store_, EnvironmentId(blake3(std::string(name) + " lock")))) << name;
  }
}

TEST_F(DamageTest, StepsWhoseOutputIsLostOrWhoseRecordIsDamagedAreForgotten) {
  auto environment = environment_of(store_, "lost");
  auto root = root_of(environment, "lost");
  EXPECT_TRUE(forget_lost_outputs(store_, root.steps).empty());
  lose(store_.root() / "layers" / environment.layers[0].hex());
  EXPECT_EQ(forget_lost_outputs(store_, root.steps), std::vector<StepKey>{unpack_step_of("lost").key()});
  EXPECT_FALSE(has_record(unpack_step_of("lost")));
  flip_byte(store_.step_path(fetch_step_of("lost").key()));
  EXPECT_EQ(forget_lost_outputs(store_, root.steps), std::vector<StepKey>{fetch_step_of("lost").key()});
  EXPECT_EQ(environment_of(store_, "lost").text(), environment.text());
}

}  // namespace
}  // namespace karapace::store
