// SPDX-License-Identifier: Apache-2.0
// What of an instance gets into the archive of its changes, and what a manifest could say of it instead.
#include "runtime/steps/commit_archive.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "store/environment.hpp"
#include "store/instance.hpp"
#include "store/scan.hpp"
#include "tests/steps/unpack_fixture.hpp"

namespace karapace::steps {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* dpkg_before =
    "Package: base\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n"
    "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: amd64\n";

class CommitArchiveTest : public Unpacking {
 protected:
  void SetUp() override {
    Unpacking::SetUp();
    const auto tree = directory() / "lower";
    put(tree / "etc/issue", "theirs");
    put(tree / "var/lib/dpkg/status", dpkg_before);
    store::Environment environment;
    environment.id = EnvironmentId(blake3("environment"));
    environment.step = StepKey(blake3("step"));
    environment.lock = BlobId(blake3("lock"));
    {
      const auto staging = store().stage();
      fs::rename(tree, staging.path() / "tree");
      const auto fd = open_at(AT_FDCWD, staging.path() / "tree", O_RDONLY | O_DIRECTORY);
      environment.layers = {store().add_layer(staging.path() / "tree", store::scan(fd.get(), options()), staging)};
    }
    store::add_environment(store(), environment);
    instance_ = store::open_instance(store(), {environment.id, std::nullopt});
  }

  static store::ScanOptions options() {
    store::ScanOptions options;
    if (::geteuid() != 0) options.owners = store::Owners::ignore;
    return options;
  }
  static void put(const fs::path& path, std::string_view text, mode_t mode = 0644) {
    fs::create_directories(path.parent_path());
    write_file_atomically(path, text, Durable::no, mode);
  }
  fs::path upper(const char* path) const { return instance_->upper() / path; }
  CommitArchive write() {
    fs::remove(directory() / "archive");
    const auto output = open_at(AT_FDCWD, directory() / "archive", O_WRONLY | O_CREAT | O_EXCL, 0600);
    const auto mode = ::geteuid() == 0 ? sandbox::IdMode::root : sandbox::IdMode::single;
    return write_commit_archive(store(), *instance_, mode, output.get());
  }
  /// The paths of the layer that is made of it.
  std::vector<std::string> packed() {
    EXPECT_EQ(committing(read_file(directory() / "archive")), "accepted");
    std::vector<std::string> paths;
    const auto made = listing();
    for (const auto& entry : made.entries()) paths.push_back(entry.path);
    return paths;
  }
  std::string refusal() {
    try {
      write();
    } catch (const StepError& error) {
      return error.what();
    }
    return "accepted";
  }

  std::optional<store::Instance> instance_;
};

TEST_F(CommitArchiveTest, HasNoSecretByAnyName) {
  put(upper("etc/ssh/ssh_host_rsa_key"), "secret", 0600);
  put(upper("etc/ssh/sshd_config"), "no secret");
  put(upper("var/lib/mysql/ibdata1"), "secret");
  put(upper("etc/machine-id"), "random");
  fs::create_hard_link(upper("etc/ssh/ssh_host_rsa_key"), upper("etc/copy"));
  const auto made = write();
  EXPECT_THAT(packed(), ElementsAre("", "etc", "etc/ssh", "etc/ssh/sshd_config", "var", "var/lib", "var/lib/mysql"));
  ASSERT_EQ(made.secrets.size(), 3U);
  EXPECT_EQ(made.secrets[0].path, "etc/ssh/ssh_host_rsa_key");
  EXPECT_EQ(made.secrets[0].secret, "ssh host keys");
  EXPECT_EQ(made.secrets[1].path, "var/lib/mysql/ibdata1");
  EXPECT_EQ(made.secrets[2].path, "etc/copy");
}

TEST_F(CommitArchiveTest, HasNoSecretWhereLinksLead) {
  put(upper("data/ssh/ssh_host_rsa_key"), "secret", 0600);
  put(upper("data/ssh/sshd_config"), "no secret");
  fs::create_directory_symlink("../data/../data/ssh", upper("etc-ssh"));
  fs::create_directory(upper("etc"));
  fs::create_directory_symlink("/etc-ssh", upper("etc/ssh"));
  put(upper("srv/mysql/deep/ibdata1"), "secret");
  fs::create_directories(upper("var/lib"));
  fs::create_directory_symlink("/srv/mysql", upper("var/lib/mysql"));
  put(upper("srv/id"), "random");
  fs::create_symlink("../../srv/id", upper("etc/machine-id"));
  put(upper("etc/munge-key"), "secret");
  fs::create_directory(upper("etc/munge"));
  fs::create_symlink("../munge-key", upper("etc/munge/munge.key"));
  fs::create_symlink("loop", upper("etc/keys"));
  fs::create_symlink("keys", upper("etc/loop"));
  const auto made = write();
  EXPECT_THAT(packed(),
              ElementsAre("", "data", "data/ssh", "data/ssh/sshd_config", "etc", "etc-ssh", "etc/keys", "etc/loop",
                          "etc/munge", "etc/ssh", "srv", "srv/mysql", "var", "var/lib", "var/lib/mysql"));
}

TEST_F(CommitArchiveTest, BelievesNoOwnerThatACommandNoted) {
  put(upper("su"), "x");
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_EQ(::chown(upper("su").c_str(), 1000, 1000), 0);
  ASSERT_EQ(::chmod(upper("su").c_str(), 06755), 0);
  ASSERT_EQ(::setxattr(upper("su").c_str(), "user.karapace.owner", "0:0", 3, 0), 0);
  write();
  packed();
  const auto made = listing();
  EXPECT_EQ(made.find("su")->uid, 1000U);
  EXPECT_EQ(made.find("su")->gid, 1000U);
}

TEST_F(CommitArchiveTest, HasNothingThatSessionsPutThereThemselves) {
  fs::create_directories(upper("home/ann/project"));
  put(upper("mine"), "x");
  store::add_scaffold(instance_->current, {{"home", store::ScaffoldKind::directory, {}},
                                           {"home/ann", store::ScaffoldKind::directory, {}},
                                           {"home/ann/project", store::ScaffoldKind::directory, {}}});
  write();
  EXPECT_THAT(packed(), ElementsAre("", "mine"));
  fs::remove(upper("mine"));
  EXPECT_EQ(write().changes, 0U);
}

TEST_F(CommitArchiveTest, TellsOfWhatNotEverybodyMayRead) {
  put(upper("root/.netrc"), "password", 0600);
  put(upper("opt/key"), "-----BEGIN PRIVATE KEY-----\n");
  EXPECT_THAT(write().confined, ElementsAre("opt/key", "root/.netrc"));
}

TEST_F(CommitArchiveTest, RefusesWhatOthersTakeForMarks) {
  put(upper("etc/.wh.passwd"), "");
  EXPECT_THAT(refusal(), HasSubstr("the name of \"/etc/.wh.passwd\" stands for the removal of a file"));
  fs::remove(upper("etc/.wh.passwd"));
  put(upper("etc/file"), "");
  ASSERT_EQ(::setxattr(upper("etc/file").c_str(), "user.fuseoverlayfs.opaque", "y", 1, 0), 0);
  EXPECT_THAT(refusal(), HasSubstr("\"/etc/file\" has the attribute user.fuseoverlayfs.opaque"));
}

TEST_F(CommitArchiveTest, ProposesThePackagesThatAPersonWishedFor) {
  put(upper("var/lib/dpkg/status"),
      std::string(dpkg_before) +
          "\nPackage: tool\nStatus: install ok installed\nVersion: 2\nArchitecture: amd64\n"
          "\nPackage: libtool\nStatus: install ok installed\nVersion: 2\nArchitecture: amd64\n");
  put(upper("var/lib/apt/extended_states"), "Package: libtool\nArchitecture: amd64\nAuto-Installed: 1\n");
  put(upper("var/lib/dpkg/info/tool.list"), "/.\n/usr\n/usr/bin\n/usr/bin/tool\n/etc\n/etc/tool.conf\n");
  put(upper("var/lib/dpkg/info/libtool:amd64.list"), "/.\n/lib\n/lib/libtool.so\n");
  put(upper("usr/bin/tool"), "", 0755);
  put(upper("usr/lib/libtool.so"), "");
  put(upper("etc/tool.conf"), "");
  put(upper("var/log/dpkg.log"), "installed");
  auto made = write();
  EXPECT_THAT(made.proposal.packages, ElementsAre("tool"));
  EXPECT_THAT(made.proposal.files, IsEmpty());
  EXPECT_TRUE(made.proposal.is_whole);
}

TEST_F(CommitArchiveTest, ProposesNoNamesThatWouldBeLinesOfAManifest) {
  for (const char* name : {"opt/x\"\n[runtime]\nnetwork_isolation = false\n#", "opt/a\"b", "opt/a\\b", "opt/a\tb"})
    put(upper(name), "x");
  const auto made = write();
  EXPECT_THAT(made.proposal.files, IsEmpty());
  EXPECT_FALSE(made.proposal.is_whole);
}

TEST_F(CommitArchiveTest, ProposesPlainFiles) {
  put(upper("etc/issue"), "mine");
  put(upper("opt/tool"), "#!", 0755);
  auto made = write();
  ASSERT_EQ(made.proposal.files.size(), 2U);
  EXPECT_EQ(made.proposal.files[0].target, "/etc/issue");
  EXPECT_EQ(made.proposal.files[1].target, "/opt/tool");
  EXPECT_EQ(made.proposal.files[1].mode, 0755U);
  EXPECT_TRUE(made.proposal.is_whole);
  fs::create_symlink("tool", upper("opt/link"));
  made = write();
  EXPECT_EQ(made.proposal.files.size(), 2U);
  EXPECT_FALSE(made.proposal.is_whole);
}

}  // namespace
}  // namespace karapace::steps
