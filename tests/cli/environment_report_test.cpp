// SPDX-License-Identifier: Apache-2.0
// What `inspect` and `list` tell of environments, from a store whose locks are made by hand.
#include <array>
#include <cstdio>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "base/file.hpp"
#include "generator/lock/environment_lock.hpp"
#include "store/environment.hpp"
#include "store/identifiers.hpp"
#include "store/instance.hpp"
#include "store/root.hpp"
#include "tests/cli/program_fixture.hpp"
#include "tests/generator/sample_lock.hpp"

namespace karapace::cli {
namespace {

using karapace::testing::sample_archive_lock;
using karapace::testing::sample_lock;
using karapace::testing::sample_package;
using lock::Lock;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class EnvironmentReport : public ProgramTest {
 protected:
  nlohmann::json json(const std::string& arguments) const {
    return nlohmann::json::parse(karapace(arguments + " --json").output);
  }
  /// A built environment of this lock, with a layer of its own.
  store::Environment build(const Lock& lock) const {
    auto canonical = lock::serialise(lock);
    store::fetch(store_, canonical);
    auto layer = store::unpack(store_, canonical);
    BlobId blob(blake3(canonical));
    auto step = Step::normalised(StepKind::environment, {{"lock", blob.hex()}}, {layer.step.key()});
    store::Environment environment{EnvironmentId(blob.digest()), step.key(), {layer.layer().layer}, blob, {}};
    store::add_environment(store_, environment);
    return environment;
  }
  void add_project(const store::Environment& environment, const std::string& name) const {
    store::add_root(store_, {name, "/projects/" + name + "/karapace.toml", environment.id, 1, 2, {environment.step}});
  }
};

TEST_F(EnvironmentReport, InspectCountsPackagesAndNamesTheBase) {
  auto environment = build(sample_lock({"git", "curl"}));
  auto result = karapace("inspect " + environment.id.short_hex());
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("\nbase       debian/bookworm\npackages   4\n"));
}

TEST_F(EnvironmentReport, InspectListsPackagesByName) {
  auto lock = sample_lock({"git", "curl"});
  lock.packages.push_back(sample_package("dpkg", "1.21.23"));  // over the base's
  lock.packages[0].architecture = "all";
  auto environment = build(lock).id.hex();
  auto id = environment.substr(0, 12);
  EXPECT_EQ(karapace("inspect --packages " + id).output,
            "curl 1.0-1 amd64\ndpkg 1.21.23 amd64\ngit 1.0-1 all\nlibc6 2.36-9+deb12u13 amd64\n");
  auto packages = json("inspect " + id).at("packages");
  ASSERT_EQ(packages.size(), 4u);
  EXPECT_EQ(packages[2], (nlohmann::json{{"architecture", "all"}, {"name", "git"}, {"version", "1.0-1"}}));
  EXPECT_EQ(json("inspect --packages " + id), (nlohmann::json{{"base", "debian/bookworm"},
                                                              {"document", "karapace.inspect-packages"},
                                                              {"environment", environment},
                                                              {"packages", packages},
                                                              {"version", 1}}));
}

TEST_F(EnvironmentReport, InspectSaysThatAnArchiveHasPackagesOfItsOwn) {
  auto lock = sample_archive_lock({"jq"});
  auto result = karapace("inspect " + build(lock).id.short_hex());
  EXPECT_THAT(result.output, HasSubstr("\nbase       sha256:" + lock.archive->sha256.hex() +
                                       "\npackages   1, besides those in the base\n"));
}

TEST_F(EnvironmentReport, InspectKnowsNoPackagesBeforeTheBuild) {
  auto lock = sample_lock({"git"});
  auto id = lock::environment_id(lock);
  store::add_root(store_, {"planned", "/projects/planned/karapace.toml", id, 1, 2, {}});
  EXPECT_THAT(karapace("inspect planned").output, Not(HasSubstr("packages")));
  EXPECT_EQ(json("inspect planned").at("base"), nullptr);
  auto refused = karapace("inspect planned --packages");
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.output, HasSubstr("environment " + id.short_hex() +
                                        " is not built yet, so the store does not have its lock; run ninja"));
}

TEST_F(EnvironmentReport, InspectTellsOfADamagedLock) {
  auto environment = build(sample_lock({"git"}));
  store::flip_byte(store_.blob_path(environment.lock));
  auto result = karapace("inspect --packages " + environment.id.short_hex());
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.output,
              HasSubstr("the lock of environment " + environment.id.short_hex() + " is damaged in the store"));
}

TEST_F(EnvironmentReport, ListShowsTheBaseOfWhatIsBuilt) {
  add_project(build(sample_lock({"git"})), "made");
  build(sample_archive_lock({"jq"}));
  auto damaged = build(sample_lock({"curl"}));
  add_project(damaged, "damaged");
  store::flip_byte(store_.blob_path(damaged.lock));
  auto planned = lock::environment_id(sample_lock({"jq"}));
  store::add_root(store_, {"planned", "/projects/planned/karapace.toml", planned, 1, 2, {}});
  auto listed = karapace("list");
  EXPECT_EQ(listed.status, 0);
  EXPECT_THAT(listed.output, ContainsRegex("NAME +ID +STATE +BASE +INSTANCES +MANIFEST\n"));
  EXPECT_THAT(listed.output,
              ContainsRegex("\nmade +[0-9a-f]+ +built, manifest gone +debian/bookworm +- +/projects/made/"));
  EXPECT_THAT(listed.output, ContainsRegex("\nplanned +[0-9a-f]+ +manifest gone +- +- "));
  EXPECT_THAT(listed.output, ContainsRegex("\ndamaged +[0-9a-f]+ +built, manifest gone +- +- "));
  std::map<std::string, nlohmann::json> bases;
  auto document = json("list");
  for (const auto& row : document.at("environments")) bases[row.at("environment")] = row.at("base");
  EXPECT_EQ(bases.at(planned.hex()), nullptr);
  auto archive = sample_archive_lock({"jq"});
  EXPECT_EQ(bases.at(lock::environment_id(archive).hex()), "sha256:" + archive.archive->sha256.hex());
  EXPECT_THAT(listed.output, HasSubstr("  archive " + archive.archive->sha256.short_hex() + "  "));
}

TEST_F(EnvironmentReport, InspectTellsTheSameOfAProjectByItsNameAndByItsPath) {
  add_project(build(sample_lock({"git"})), "p");
  EXPECT_EQ(json("inspect p").at("steps").size(), 1u);
  EXPECT_EQ(json("inspect /projects/p/karapace.toml"), json("inspect p"));
}

TEST_F(EnvironmentReport, ListCountsInstancesOfProjectsAndOfWhatIsLeftOfThem) {
  auto first = build(sample_lock({"git"}));
  auto second = build(sample_lock({"curl"}));
  auto gone = EnvironmentId(blake3("collected"));
  add_project(first, "p");
  auto root = store::find_root(store_, "/projects/p/karapace.toml");
  for (const auto& environment : {first.id, second.id, gone}) {
    store::open_instance(store_, {environment, root});
    store::open_instance(store_, {environment, std::nullopt});
  }
  for (int round = 0; round < 2; ++round) {
    std::map<std::string, std::vector<int>> counts;
    auto document = json("list");
    for (const auto& row : document.at("environments"))
      counts[row.at("environment")].push_back(row.at("instance_count"));
    EXPECT_EQ(counts, (std::map<std::string, std::vector<int>>{
                          {first.id.hex(), {1, 1}}, {second.id.hex(), {1}}, {gone.hex(), {1}}}));
  }
}

TEST_F(EnvironmentReport, ListKnowsTheSameBasesWithWhatItKeptOfThemAndWithout) {
  add_project(build(sample_lock({"git"})), "p");
  const auto kept = store_.root() / "bases.index";
  const auto listed = karapace("list").output;
  EXPECT_EQ(karapace("list").output, listed);
  store::flip_byte(kept);
  EXPECT_EQ(karapace("list").output, listed);
  EXPECT_EQ(karapace("list").output, listed);
  build(sample_archive_lock({"jq"}));
  EXPECT_THAT(karapace("list").output, HasSubstr("  archive "));
  EXPECT_THAT(read_file(kept), HasSubstr(" sha256:"));
  std::filesystem::remove(kept);
  std::filesystem::create_directory(kept);
  EXPECT_THAT(karapace("list").output, HasSubstr("  archive "));
}

TEST_F(EnvironmentReport, ListDoesNotReadTheLockOfWhatItHasListedBefore) {
  auto environment = build(sample_lock({"git"}));
  EXPECT_THAT(karapace("list").output, HasSubstr("debian/bookworm"));
  std::filesystem::remove(store_.blob_path(environment.lock));
  EXPECT_THAT(karapace("list").output, HasSubstr("debian/bookworm"));
}

}  // namespace
}  // namespace karapace::cli
