// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/host_view.hpp"

#include <fstream>

#include "base/file.hpp"
#include "sandbox_fixture.hpp"

namespace karapace::sandbox::test {
namespace {

namespace fs = std::filesystem;
using Kind = HostOperation::Kind;

constexpr const char* table =
    "21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
    "22 21 8:2 / /home rw shared:2 - ext4 /dev/sda2 rw\n"
    "23 21 8:2 /user/data /srv/data rw - ext4 /dev/sda2 rw\n"
    "24 21 8:2 /user/data/store/layers /mnt/with\\040space rw - ext4 /dev/sda2 rw\n"
    "nonsense\n"
    "25 21 0:5 / /proc rw - proc proc rw\n";

TEST(HostMounts, UnderstandsTheKernelsTableAndLeavesOutWhatItDoesNot) {
  const auto mounts = parse_mounts(table);
  ASSERT_EQ(mounts.size(), 5u);
  EXPECT_EQ(mounts[3].point, "/mnt/with space");
  EXPECT_EQ(mounts[3].root, "/user/data/store/layers");
  EXPECT_EQ(mounts[1].device, "8:2");
}

TEST(HostMounts, FindsEveryPathToAPlace) {
  const HostMounts mounts(parse_mounts(table));
  const auto place = mounts.place_of("/home/user/data/store");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->path, "/user/data/store");
  EXPECT_EQ(mounts.paths_of(*place),
            (std::vector<fs::path>{"/home/user/data/store", "/mnt/with space", "/srv/data/store"}));
  EXPECT_TRUE(mounts.lies_within("/srv/data/store/blobs", "/home/user/data/store"));
  EXPECT_TRUE(mounts.lies_within("/mnt/with space/x", "/home/user/data/store"));
  EXPECT_FALSE(mounts.lies_within("/srv/data/other", "/home/user/data/store"));
  EXPECT_FALSE(mounts.lies_within("/home/user/data/store2", "/home/user/data/store"));
}

class HostView : public SandboxFixture {
 protected:
  void SetUp() override {
    SandboxFixture::SetUp();
    shown = directory / "shown";
    fs::create_directories(shown / "a/b/store");
    std::ofstream(shown / "a/b/store/layer") << "layer";
    std::ofstream(shown / "control") << "control";
  }

  Outcome run_limited(const HostLimits& limits, const std::string& script) {
    auto limited = plan();
    limited.binds.push_back({shown, shown.string(), BindAccess::read_write});
    limited.host = host_operations(HostMounts::read(), limits);
    limited.commands = {shell("cd " + shown.string() + "\n" + script)};
    return run_plan(limited);
  }

  fs::path shown;
};

TEST_F(HostView, PinsTheWayToWhatIsHiddenAndNothingElse) {
  const auto operations = host_operations(
      HostMounts::read(),
      {.hidden = shown / "a/b/store", .read_only = {shown / "control", shown / "none"}, .shown = {shown}});
  ASSERT_EQ(operations.size(), 4u);
  EXPECT_EQ(operations[0].kind, Kind::pin);
  EXPECT_EQ(operations[0].path, shown / "a");
  EXPECT_EQ(operations[1].path, shown / "a/b");
  EXPECT_EQ(operations[2].kind, Kind::read_only);
  EXPECT_EQ(operations[3].kind, Kind::hide);
  EXPECT_TRUE(
      host_operations(HostMounts::read(), {.hidden = shown / "a/b/store", .read_only = {}, .shown = {lower}}).empty());
}

TEST_F(HostView, NothingOfTheHiddenCanBeSeenOrMovedIntoSight) {
  const auto outcome = run_limited(
      {.hidden = shown / "a/b/store", .read_only = {}, .shown = {shown}},
      "ls -A a/b/store; mv a c; mv a/b a/d; mv a/b/store a/b/x; rmdir a/b/store; ln -s a/b/store l; ls -A l; "
      "mkdir new && mv new newer && echo moved");
  EXPECT_EQ(outcome.error, "");
  EXPECT_NE(outcome.output.find("moved"), std::string::npos) << outcome.output;
  EXPECT_EQ(outcome.output.find("layer"), std::string::npos) << outcome.output;
  EXPECT_TRUE(fs::exists(shown / "a/b/store/layer"));
}

TEST_F(HostView, ControlFilesAreReadOnlyByEveryName) {
  fs::create_symlink("control", shown / "link");
  const auto outcome = run_limited(
      {.hidden = std::nullopt,
       .read_only = {shown / "control", shown / "link"},
       .shown = {shown},
       .followed = {shown / "link"}},
      "echo x > control; echo x > link; rm control; rm link; mv control y; echo z > z; mv z control; cat link; "
      "chmod 777 control");
  EXPECT_EQ(outcome.error, "");
  EXPECT_NE(outcome.output.find("control"), std::string::npos);
  EXPECT_EQ(read_file(shown / "control"), "control");
  EXPECT_EQ(fs::read_symlink(shown / "link"), "control");
}

TEST_F(HostView, LinksThatPeopleMadeAreFollowedOnlyWhereNothingCanLeadThemElsewhere) {
  fs::create_directories(shown / "s/sub");
  fs::create_directory_symlink("s", shown / "cfg");
  std::ofstream(shown / "s/m") << "manifest";
  const auto operations = [&](const fs::path& target) {
    fs::remove(shown / "link");
    fs::create_symlink(target, shown / "link");
    return host_operations(
        HostMounts::read(),
        {.hidden = std::nullopt, .read_only = {shown / "link"}, .shown = {shown}, .followed = {shown / "link"}});
  };
  const auto paths = [](const std::vector<HostOperation>& all) {
    std::vector<std::string> names;
    for (const auto& one : all) names.push_back(one.path.filename());
    std::sort(names.begin(), names.end());
    return names;
  };
  EXPECT_EQ(paths(operations("cfg/m")), (std::vector<std::string>{"cfg", "link", "m", "s"}));
  fs::path deep = "s";
  for (int i = 0; i < 70; ++i) deep /= "d";
  for (const fs::path& bad : {fs::path("s/sub/../m"), fs::path("cfg/sub/../m"), deep / "m", fs::path("link")})
    EXPECT_THROW(operations(bad), SandboxError) << bad;
  // Where it is nobody's, nothing is followed, and nothing is refused.
  for (const fs::path& any : {fs::path("s/sub/../m"), deep / "m", fs::path("link"), fs::path("cfg/m")}) {
    fs::remove(shown / "own");
    fs::create_symlink(any, shown / "own");
    EXPECT_EQ(paths(host_operations(HostMounts::read(),
                                    {.hidden = std::nullopt, .read_only = {shown / "own"}, .shown = {shown}})),
              std::vector<std::string>{"own"});
  }
}

TEST_F(HostView, ASandboxIsRefusedWhenWhatIsToBeHiddenWasExchanged) {
  auto limited = plan();
  limited.binds.push_back({shown, shown.string(), BindAccess::read_write});
  limited.host =
      host_operations(HostMounts::read(), {.hidden = shown / "a/b/store", .read_only = {}, .shown = {shown}});
  fs::rename(shown / "a/b/store", shown / "a/b/moved");
  fs::create_directory(shown / "a/b/store");
  limited.commands = {shell("cat " + (shown / "a/b/moved/layer").string())};
  const auto outcome = run_plan(limited);
  EXPECT_EQ(outcome.error, "sandbox: cannot hide " + (shown / "a/b/store").string() + ": Stale file handle");
  EXPECT_EQ(outcome.output, "");
}

}  // namespace
}  // namespace karapace::sandbox::test
