// SPDX-License-Identifier: Apache-2.0
#include "store/verify.hpp"

#include <fmt/format.h>
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
#include "store/root.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

/// A store with two environments, one of them a project's with an instance.
class VerifyTest : public StoreTest {
 protected:
  VerifyTest() {
    add_root(store_, root_);
    environment_of(store_, "bystander");
    open_instance(store_, {environment_.id, root_});
  }

  /// The only problem that is found.
  Problem only_problem(Repair repair = Repair::no) {
    auto report = verify_store(store_, {.repair = repair, .threads = 2});
    EXPECT_EQ(report.problems.size(), 1u);
    for (const auto& problem : report.problems) last_ += problem.object + ": " + problem.reason + "\n";
    return report.problems.empty() ? Problem{} : report.problems.front();
  }

  /// Repairs, builds again, and expects a whole store.
  void expect_repaired() {
    for (const auto& problem : verify_store(store_, {.repair = Repair::yes, .threads = 2}).problems) {
      EXPECT_TRUE(problem.repaired) << problem.object;
    }
    for (const auto& problem : verify_store(store_, {.threads = 2}).problems)
      EXPECT_EQ(std::pair(problem.kind, problem.trouble), std::pair(ObjectKind::instance, Trouble::missing))
          << problem.object << ": only its environment, until that is built again";
    EXPECT_EQ(environment_of(store_, "hello").text(), environment_.text());
    add_root(store_, root_);
    EXPECT_TRUE(verify_store(store_, {.threads = 2}).problems.empty());
    collect_garbage(store_, {});
    EXPECT_TRUE(find_environment(store_, environment_.id));
    EXPECT_TRUE(names_in(store_.root() / "quarantine").empty());
  }

  Environment environment_ = environment_of(store_, "hello");
  Root root_ = root_of(environment_, "hello");
  LayerId layer_ = environment_.layers[0];
  std::string last_;
};

TEST_F(VerifyTest, AWholeStoreHasNoProblems) {
  auto report = verify_store(store_, {.threads = 2});
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.checked, 2u * (2 + 1 + 4 + 1) + 2);
  EXPECT_GT(report.bytes, 20u);
}

TEST_F(VerifyTest, AFlippedByteInABlobIsFoundAndRepaired) {
  BlobId blob(blake3("hello"));
  flip_byte(store_.blob_path(blob));
  auto problem = only_problem();
  EXPECT_EQ(problem.object, "blob " + blob.hex());
  EXPECT_EQ(problem.reason.find("its content has the digest "), 0u);
  expect_repaired();
}

TEST_F(VerifyTest, AFlippedByteInALayersFileIsFoundWithItsPathAndRepaired) {
  flip_byte(store_.layer_tree(layer_) / "bin/file");
  auto problem = only_problem();
  EXPECT_EQ(problem.object, "layer " + layer_.hex());
  EXPECT_EQ(problem.paths, (std::vector<DamagedPath>{{"bin/file", "content"}}));
  EXPECT_EQ(problem.reason, "1 of its 3 paths differ from its listing");
  expect_repaired();
}

TEST_F(VerifyTest, EveryKindOfDifferenceInALayerIsNamed) {
  auto tree = store_.layer_tree(layer_);
  ::chmod((tree / "bin/file").c_str(), 0600);
  timespec times[2] = {{1000, 0}, {2000, 0}};
  write_file_atomically(tree / "more", "x", Durable::no);
  ::utimensat(AT_FDCWD, tree.c_str(), times, 0);
  EXPECT_EQ(only_problem().paths,
            (std::vector<DamagedPath>{{"/", "time"}, {"bin/file", "mode"}, {"more", "not in the listing"}}));
  remove_tree(tree / "bin");
  ::symlink("x", (tree / "bin").c_str());
  EXPECT_EQ(only_problem().paths,
            (std::vector<DamagedPath>{
                {"/", "time"}, {"bin", "type"}, {"bin/file", "missing"}, {"more", "not in the listing"}}));
  expect_repaired();
}

TEST_F(VerifyTest, AFlippedByteInAListingIsFoundAndRepaired) {
  flip_byte(store_.listing_path(layer_));
  auto problem = only_problem();
  EXPECT_EQ(problem.object, "layer " + layer_.hex());
  EXPECT_NE(problem.reason.find("its digest differs"), std::string::npos);
  expect_repaired();
}

TEST_F(VerifyTest, AFlippedByteInARecordIsFoundAndRepaired) {
  auto key = unpack_step_of("hello").key();
  flip_byte(store_.step_path(key));
  EXPECT_EQ(only_problem().object, "step " + key.hex());
  auto report = verify_store(store_, {.repair = Repair::yes});
  EXPECT_EQ(report.to_be_remade, std::vector<StepKey>{key});
  expect_repaired();
}

TEST_F(VerifyTest, AFlippedByteInAnEnvironmentIsFoundAndRepaired) {
  flip_byte(store_.environment_path(environment_.id));
  EXPECT_EQ(only_problem().object, "environment " + environment_.id.hex());
  expect_repaired();
}

TEST_F(VerifyTest, AFlippedByteInARootIsFoundAndRepaired) {
  auto name = names_in(store_.roots_path())[0];
  flip_byte(store_.roots_path() / name);
  EXPECT_EQ(only_problem().object, "root " + name);
  expect_repaired();
}

TEST_F(VerifyTest, AFlippedByteInAnInstanceIsFoundAndWrittenAnewWithItsChangesKept) {
  auto instance = instances(store_).whole[0];
  write_file_atomically(instance.upper() / "note", "mine", Durable::no);
  flip_byte(instance.directory / "instance.json");
  EXPECT_EQ(only_problem().object, "instance " + instance.id);
  expect_repaired();
  EXPECT_EQ(instances(store_).whole[0].manifest, instance.manifest);
  EXPECT_EQ(read_file(instance.upper() / "note"), "mine");
}

TEST_F(VerifyTest, AnInstanceOfWhichNothingIsKnownIsReportedAndLeftAlone) {
  auto instance = open_instance(store_, {EnvironmentId(blake3("gone")), std::nullopt});
  flip_byte(instance.directory / "current/generation.json");
  flip_byte(instance.directory / "current/generation.json.copy");
  auto problem = only_problem(Repair::yes);
  EXPECT_FALSE(problem.repaired);
  EXPECT_TRUE(std::filesystem::exists(instance.upper()));
}

TEST_F(VerifyTest, MissingThingsAreFoundByTheRecordsThatNameThem) {
  remove_tree(store_.root() / "layers" / layer_.hex());
  auto report = verify_store(store_, {});
  ASSERT_EQ(report.problems.size(), 2u);
  EXPECT_EQ(report.problems[0].object, "step " + unpack_step_of("hello").key().hex());
  EXPECT_EQ(report.problems[0].reason, "its output, the layer " + layer_.hex() + ", is missing");
  EXPECT_EQ(report.problems[1].object, "environment " + environment_.id.hex());
  expect_repaired();
}

TEST_F(VerifyTest, StrangersInTheStoreAreNamedAndSetAside) {
  write_file_atomically(store_.root() / "blobs/holiday.jpg", "x", Durable::no);
  auto problem = only_problem(Repair::yes);
  EXPECT_EQ(problem.object, "blobs/holiday.jpg");
  EXPECT_EQ(problem.reason, "it does not belong into a store");
  EXPECT_FALSE(std::filesystem::exists(store_.root() / "blobs/holiday.jpg"));
}

TEST_F(VerifyTest, AnEmptyRecordAsAPowerFailureLeavesItIsRepaired) {
  auto key = fetch_step_of("hello").key();
  ::chmod(store_.step_path(key).c_str(), 0644);
  ASSERT_EQ(::truncate(store_.step_path(key).c_str(), 0), 0);
  EXPECT_EQ(only_problem().object, "step " + key.hex());
  expect_repaired();
}

TEST_F(VerifyTest, BuildsAndCollectionsMeanwhileAreNoProblems) {
  pid_t builder = fork_child([&] {
    for (int i = 0; i < 60; ++i) {
      environment_of(store_, fmt::format("dead {}", i));
      if (i % 5 == 0) collect_garbage(store_, {});
    }
    return 0;
  });
  for (int i = 0; i < 6; ++i) {
    for (const auto& problem : verify_store(store_, {.threads = 2}).problems) {
      ADD_FAILURE() << problem.object << ": " << problem.reason;
    }
  }
  EXPECT_EQ(wait_for(builder), 0);
}

}  // namespace
}  // namespace karapace::store
