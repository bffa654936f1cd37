// SPDX-License-Identifier: Apache-2.0
// Instances whose records are damaged in both copies: they stand in nobody's way, lose nothing, and are brought back.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "store/gc.hpp"
#include "store/instance.hpp"
#include "store/instance_names.hpp"
#include "store/kept_record.hpp"
#include "store/snapshot.hpp"
#include "store/verify.hpp"
#include "store/why.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct InstanceSalvageTest : StoreTest {
  Environment first_ = environment_of(store_, "first");
  Environment second_ = environment_of(store_, "second");
  Reference reference_{first_.id, root_of(first_, "first")};
  Instance instance_ = open_instance(store_, reference_);
  fs::path record_ = instance_.directory / "instance.json";

  void SetUp() override {
    put(instance_.upper() / "note", "mine");
    name_instance(store_, instance_, "work");
  }

  static void put(const fs::path& path, std::string_view text) { write_file_atomically(path, text, Durable::no); }
  static fs::path copy_of(const fs::path& path) { return path.native() + ".copy"; }
  /// Both copies are what a failing disk may leave: nothing of them is there.
  static void lose(const fs::path& path) {
    for (const auto& file : {path, copy_of(path)}) put(file, "");
  }
  /// The same byte of both is another.
  static void flip_both(const fs::path& path, std::string_view at) {
    auto text = read_file(path);
    const auto place = text.find(at);
    ASSERT_NE(place, text.npos);
    text[place] ^= 1;
    for (const auto& file : {path, copy_of(path)}) put(file, text);
  }
  Problem repaired() {
    const auto report = verify_store(store_, {.repair = Repair::yes});
    EXPECT_EQ(report.problems.size(), 1u);
    return report.problems.empty() ? Problem() : report.problems[0];
  }
  bool is_whole() const { return verify_store(store_, {}).problems.empty(); }
  Instance now() const { return find_instance(store_, instance_.id).value(); }
};

TEST_F(InstanceSalvageTest, ADamagedOneStandsInNobodysWay) {
  const auto other = open_instance(store_, {second_.id, std::nullopt});
  for (const auto& name : {"instance.json", "current/generation.json"}) {
    lose(instance_.directory / name);
    const auto all = instances(store_);
    ASSERT_EQ(all.whole.size(), 1u) << name;
    EXPECT_EQ(all.whole[0].id, other.id);
    ASSERT_EQ(all.damaged.size(), 1u) << name;
    EXPECT_EQ(all.damaged[0].id, instance_.id);
    EXPECT_THAT(all.damaged[0].reason, HasSubstr("verify-store --repair"));
    EXPECT_EQ(resolve_reference(store_, second_.id.short_hex(), "/").environment, second_.id);
    EXPECT_EQ(why_kept(store_, second_.layers[0].hex()).size(), 1u) << name;
  }
  EXPECT_TRUE(remove_instance(store_, other));
  EXPECT_TRUE(remove_instance(store_, only_place_of(instances(store_).damaged[0])));
  EXPECT_THAT(instances(store_).damaged, IsEmpty());
}

TEST_F(InstanceSalvageTest, GcKeepsWhatItNeedsAndOfAnUnknownOneEverything) {
  lose(record_);
  auto report = collect_garbage(store_, {});
  EXPECT_THAT(report.damaged_instances, IsEmpty()) << "its state says what it needs";
  EXPECT_TRUE(find_environment(store_, first_.id));
  EXPECT_FALSE(find_environment(store_, second_.id));
  second_ = environment_of(store_, "second");
  fetch(store_, "nobody knows whose");
  lose(instance_.directory / "current/generation.json");
  report = collect_garbage(store_, {});
  EXPECT_THAT(report.damaged_instances, ElementsAre(instance_.id));
  EXPECT_TRUE(find_environment(store_, first_.id));
  EXPECT_TRUE(find_environment(store_, second_.id));
  EXPECT_TRUE(store_.has_blob(BlobId(blake3("nobody knows whose"))));
  EXPECT_EQ(why_kept(store_, second_.id.hex())[0].ways[0][0].name, instance_.id);
}

TEST_F(InstanceSalvageTest, FlipsInDifferentPlacesOfTheCopiesAreToldApart) {
  const auto before = read_file(record_);
  auto one = before;
  auto other = before;
  for (const auto place : {std::size_t{3}, before.size() / 2, before.size() / 2 + 1}) one[place] ^= 4;
  for (const auto place : {std::size_t{40}, before.size() - 2}) other[place] ^= 1;
  put(record_, one);
  put(copy_of(record_), other);
  EXPECT_TRUE(repaired().repaired);
  EXPECT_EQ(read_file(record_), before);
  EXPECT_EQ(read_file(copy_of(record_)), before);
}

TEST_F(InstanceSalvageTest, ItsRecordIsWrittenFromNamesAndRoots) {
  add_root(store_, *reference_.root);
  lose(record_);
  const auto problem = repaired();
  EXPECT_TRUE(problem.repaired);
  EXPECT_THAT(problem.notes, ElementsAre(HasSubstr("it is frozen now")));
  EXPECT_EQ(now().name, "work");
  EXPECT_EQ(now().manifest, reference_.root->manifest);
  EXPECT_TRUE(now().frozen);
  EXPECT_EQ(find_named_instance(store_, "work")->id, instance_.id);
  EXPECT_TRUE(is_whole());
}

TEST_F(InstanceSalvageTest, AForgottenProjectIsKnownByWhatIsLeftOfItsPath) {
  flip_both(record_, "created");
  const auto problem = repaired();
  EXPECT_TRUE(problem.repaired);
  EXPECT_THAT(problem.notes, IsEmpty());
  EXPECT_EQ(now().manifest, reference_.root->manifest);
  EXPECT_FALSE(now().frozen);
  flip_both(record_, "/projects");
  EXPECT_THAT(repaired().notes, ElementsAre(HasSubstr("whose project it was")));
  EXPECT_EQ(now().manifest, std::nullopt);
  EXPECT_EQ(read_file(now().upper() / "note"), "mine");
}

TEST_F(InstanceSalvageTest, ItsEnvironmentIsKnownByWhatIsLeftOfItsId) {
  const auto record = instance_.directory / "current/generation.json";
  flip_both(record, "number");
  EXPECT_TRUE(repaired().repaired);
  EXPECT_EQ(now().current.environment, first_.id);
  flip_both(record, first_.id.hex());
  const auto problem = repaired();
  EXPECT_FALSE(problem.repaired);
  EXPECT_THAT(problem.notes, ElementsAre(HasSubstr("`karapace destroy " + instance_.id)));
  EXPECT_EQ(read_file(instance_.upper() / "note"), "mine");
}

TEST_F(InstanceSalvageTest, AnEnvironmentsOwnInstanceIsKnownByItsId) {
  auto own = open_instance(store_, {second_.id, std::nullopt});
  lose(own.directory / "current/generation.json");
  lose(own.directory / "instance.json");
  EXPECT_TRUE(repaired().repaired);
  own = find_instance(store_, own.id).value();
  EXPECT_EQ(own.current.environment, second_.id);
  EXPECT_EQ(own.manifest, std::nullopt);
}

TEST_F(InstanceSalvageTest, ASnapshotKeepsItsEnvironmentAndLosesItsMessage) {
  const auto snapshot = commit_snapshot(store_, now(), "before the upgrade", {}).snapshot;
  flip_both(snapshot.directory / "snapshot.json", "message");
  EXPECT_EQ(collect_garbage(store_, {}).damaged_instances.size(), 1u);
  const auto problem = repaired();
  EXPECT_TRUE(problem.repaired);
  EXPECT_THAT(problem.notes, ElementsAre(HasSubstr("the message of its snapshot")));
  const auto found = find_snapshot(now(), snapshot.id.short_hex());
  EXPECT_EQ(found.environment, first_.id);
  EXPECT_EQ(found.message, "");
  EXPECT_NEAR(static_cast<double>(found.time), static_cast<double>(snapshot.time), 2);
  EXPECT_TRUE(is_whole());
}

TEST_F(InstanceSalvageTest, OneWhoseEnvironmentIsGoneIsTold) {
  ASSERT_EQ(::unlink(store_.environment_path(first_.id).c_str()), 0);
  const auto report = verify_store(store_, {});
  const auto is_instance = [](const Problem& problem) { return problem.kind == ObjectKind::instance; };
  const auto problem = std::find_if(report.problems.begin(), report.problems.end(), is_instance);
  ASSERT_NE(problem, report.problems.end());
  EXPECT_EQ(problem->trouble, Trouble::missing);
  EXPECT_THAT(problem->reason, HasSubstr("`karapace build " + first_.id.hex()));
  EXPECT_THAT(report.lost, ElementsAre(LostEnvironment{first_.id, instance_.id}));
  const auto after = verify_store(store_, {.repair = Repair::yes});
  EXPECT_EQ(count(after, Trouble::missing), 1u) << "no repair builds";
}

}  // namespace
}  // namespace karapace::store
