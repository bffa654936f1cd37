// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/session_mounts.hpp"

#include "session_fixture.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::sandbox::test {
namespace {

TEST(SessionMounts, AProjectMayNotBeTheHomeOfEverything) {
  const fs::path home = fs::canonical(fs::temp_directory_path());
  EXPECT_EQ(project_bind(home / "project", home).target, (home / "project").string());
  for (const auto& project : {home, fs::path("/")})
    EXPECT_EQ(message_of([&] { project_bind(project, home); }),
              "the project directory " + project.string() +
                  " holds the whole home directory, which sessions must not see; "
                  "move karapace.toml into a directory of its own");
}

TEST(SessionMounts, JudgesComponentsAndNotText) {
  EXPECT_TRUE(lies_in("/home/user/x", "/home/user"));
  EXPECT_TRUE(lies_in("/home/user", "/home/user/"));
  EXPECT_FALSE(lies_in("/home/username", "/home/user"));
  EXPECT_FALSE(lies_in("/home", "/home/user"));
}

class SessionMountsOnDisk : public SandboxFixture {
 protected:
  void SetUp() override {
    SandboxFixture::SetUp();
    fs::create_directories(directory / "project/data");
    fs::create_directories(directory / "outside");
    fs::create_directory_symlink(directory / "outside", directory / "project/link");
    policy.project = directory / "project";
    policy.home = directory / "home";
  }
  MountPolicy policy;
};

TEST_F(SessionMountsOnDisk, AllowsTheProjectAndWhatTheUserAllows) {
  EXPECT_EQ(manifest_bind({"data", "./data", "/data"}, policy).source, directory / "project/data");
  policy.allowed = {directory / "outside"};
  EXPECT_EQ(manifest_bind({"out", (directory / "outside").string(), "/out"}, policy).source, directory / "outside");
  EXPECT_EQ(manifest_bind({"link", "link", "/out"}, policy).source, directory / "outside");
}

TEST_F(SessionMountsOnDisk, RefusesWaysOutWithTheRemedy) {
  for (const std::string& host : {std::string("../outside"), std::string("link"), (directory / "outside").string()})
    EXPECT_EQ(message_of([&] { manifest_bind({"m", host, "/m"}, policy); }),
              "mount m: \"" + host + "\" (really " + (directory / "outside").string() +
                  ") lies outside the project; to allow "
                  "it, add its directory to [mounts] allowed in ~/.config/karapace/config.toml");
}

TEST_F(SessionMountsOnDisk, FollowsNoLinkThatASessionMayHaveMadeForThePersonsWord) {
  const auto link = directory / "project/link";
  const auto refusal =
      "in \"" + link.string() + "\", \"" + link.string() +
      "\" is a link, which what ran in a session may have made, so it is not followed: name the place that "
      "it leads to (now \"" +
      (directory / "outside").string() + "\")";
  EXPECT_EQ(caller_binds(link, BindAccess::read_write, policy).front().source,
            directory / "outside");  // nobody says so
  policy.written_by_sessions = [&](const fs::path& place) { return place == directory / "project"; };
  EXPECT_EQ(message_of([&] { caller_binds(link, BindAccess::read_write, policy); }), "--bind: " + refusal);
  fs::create_directory_symlink("project", directory / "other");  // a person's
  EXPECT_EQ(caller_binds(directory / "other/data", BindAccess::read_write, policy).front().source,
            directory / "project/data");
  EXPECT_EQ(message_of([&] { caller_binds(directory / "other/link", BindAccess::read_write, policy); }).substr(0, 11),
            "--bind: in ");
  policy.allowed = {link};
  EXPECT_EQ(message_of([&] { manifest_bind({"m", "link", "/m"}, policy); }),
            "[mounts] allowed of config.toml: " + refusal);
}

TEST_F(SessionMountsOnDisk, RefusesTargetsThatAreNotPlacesForMounts) {
  EXPECT_EQ(message_of([&] { manifest_bind({"m", "data", "/"}, policy); }),
            "mount m: the target \"/\" is not an absolute path below /");
  EXPECT_EQ(message_of([&] { manifest_bind({"m", "data", "/x/../../srv"}, policy); }), "nothing was thrown");
  EXPECT_EQ(
      message_of([&] { manifest_bind({"m", "data", "/proc/self"}, policy); }),
      "mount m: the target \"/proc/self\" lies in /proc, which belongs to the sandbox; a session has its own; what "
      "is needed of the host's, copy elsewhere");
  for (const auto& [target, place] : std::map<std::string, std::string>{
           {"/run", "/run"}, {"/run/", "/run"}, {"/tmp", "/tmp"}, {"/etc", "/etc"}, {"/x/../run", "/run"}})
    EXPECT_EQ(message_of([&] { manifest_bind({"m", "data", target}, policy); }),
              "mount m: the target \"" + target + "\" belongs to the sandbox; name what is needed in it (\"" + place +
                  "/...\")");
  EXPECT_EQ(message_of([&] { manifest_bind({"m", "data", "/run/lock"}, policy); }),
            "mount m: the target \"/run/lock\" belongs to the sandbox; a session has its own; what is needed of the "
            "host's, copy elsewhere");
  for (const char* target : {"/run/user", "/tmp/x", "/usr"})
    EXPECT_EQ(manifest_bind({"m", "data", target}, policy).target, target);
}

TEST_F(SessionMountsOnDisk, BindsHaveTheAccessThatTheManifestGives) {
  EXPECT_EQ(manifest_bind({"m", "data", "/m"}, policy).access, BindAccess::read_write);
  EXPECT_EQ(manifest_bind({"m", "data", "/m", store::MountAccess::read_only}, policy).access, BindAccess::read_only);
  EXPECT_EQ(project_bind(*policy.project, policy.home).access, BindAccess::read_write);
  EXPECT_EQ(project_bind(*policy.project, policy.home, store::ProjectAccess::read_only).access, BindAccess::read_only);
}

TEST_F(SessionMountsOnDisk, TheCallerCanNotBindWhatTheSandboxNeeds) {
  EXPECT_EQ(message_of([&] { caller_binds("/", BindAccess::read_only, {}); }),
            "--bind: the target \"/\" is not an absolute path below /");
  EXPECT_EQ(
      message_of([&] { caller_binds("/dev/shm", BindAccess::read_only, {}); }),
      "--bind: the target \"/dev/shm\" lies in /dev, which belongs to the sandbox; a session has its own; what is "
      "needed of the host's, copy elsewhere");
  EXPECT_EQ(message_of([&] { caller_binds("/run", BindAccess::read_write, {}); }),
            "--bind: the target \"/run\" belongs to the sandbox; name what is needed in it (\"/run/...\")");
  EXPECT_EQ(message_of([&] { caller_binds("/not/there", BindAccess::read_only, {}); }),
            "--bind: cannot use \"/not/there\": No such file or directory");
}

}  // namespace
}  // namespace karapace::sandbox::test
