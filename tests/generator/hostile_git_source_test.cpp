// SPDX-License-Identifier: Apache-2.0
// Sources of git whose repositories are somebody else's: what they say of themselves leads nowhere else.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/child.hpp"
#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "generator/project/git_source.hpp"
#include "tests/skipping.hpp"

namespace karapace::project {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class HostileGit : public ::testing::Test {
 protected:
  void SetUp() override {
    if (capture_child({.argv = {"git", "--version"}}).status != 0) KARAPACE_SKIP_TEST("git is not installed");
    set("HOME", root().string());
    set("XDG_CONFIG_HOME", root() / "config");
    set("PATH", (root() / "bin").string() + ":" + std::getenv("PATH"));
    fs::create_directory(root() / "bin");
    // A server that gives away only the tips of its refs, as one of plain files does.
    write("/.gitconfig",
          "[user]\n\tname = nobody\n\temail = nobody@example\n[init]\n\tdefaultBranch = main\n[protocol]\n\tversion = "
          "0\n");
  }
  void TearDown() override {
    for (const auto& [name, value] : before_) ::setenv(name.c_str(), value.c_str(), 1);
  }

  const fs::path& root() const { return temporary_.path(); }
  void set(const std::string& name, const std::string& value) {
    const char* old = std::getenv(name.c_str());
    before_.emplace(name, old ? old : "");
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  void write(const std::string& path, const std::string& content) const {
    fs::create_directories(fs::path(root().string() + path).parent_path());
    std::ofstream(root().string() + path) << content;
  }
  /// Runs git in one of the repositories, and answers its first line.
  std::string git(const std::string& name, std::vector<std::string> words, std::string_view input = {}) const {
    std::vector<std::string> argv{"git", "-C", root() / name};
    argv.insert(argv.end(), words.begin(), words.end());
    const auto result = capture_child({.argv = argv}, input);
    EXPECT_EQ(result.status, 0) << words.front() << ": " << result.errors;
    return result.output.substr(0, result.output.find('\n'));
  }
  /// The commit of a file with this content; the repository is made when it is not there.
  std::string commit(const std::string& name, const std::string& content) const {
    if (!fs::exists(root() / name / ".git")) {
      fs::create_directory(root() / name);
      git(name, {"init", "--quiet"});
    }
    write("/" + name + "/file", content);
    git(name, {"add", "."});
    git(name, {"commit", "--quiet", "-m", "x"});
    return git(name, {"rev-parse", "HEAD"});
  }
  /// One that has the other repository's commit as a submodule by this URL.
  void add_submodule(const std::string& name, const std::string& url, const std::string& of) const {
    write("/" + name + "/.gitmodules", "[submodule \"m\"]\n\tpath = m\n\turl = " + url + "\n");
    git(name, {"update-index", "--add", "--cacheinfo", "160000," + of + ",m"});
    git(name, {"add", ".gitmodules"});
    git(name, {"commit", "--quiet", "-m", "module"});
  }

  /// All bytes of the archive of a ref.
  std::string archive(const std::string& url, const std::string& ref) {
    const auto place = root() / ("place-" + std::to_string(count_++));
    fs::create_directory(place);
    const GitSource source(url, ref, place);
    const auto file = Fd(::open((place / "archive").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    source.archive(file.get());
    return read_file(place / "archive");
  }
  std::string refusal(const std::string& url, const std::string& ref) {
    try {
      archive(url, ref);
      return "it was taken";
    } catch (const Error& error) {
      return error.what();
    }
  }

 private:
  TemporaryDirectory temporary_;
  std::map<std::string, std::string> before_;
  int count_ = 0;
};

TEST_F(HostileGit, OfACommitIsThatCommitWhateverTheServerReplacesItBy) {
  const auto good = commit("app", "the good one");
  commit("app", "a later one");
  const auto evil = commit("app", "the evil one");
  git("app", {"replace", good, evil});
  const auto bytes = archive("file://" + (root() / "app").string(), good);
  EXPECT_THAT(bytes, HasSubstr("the good one"));
  EXPECT_EQ(bytes.find("the evil one"), bytes.npos);
}

TEST_F(HostileGit, AreFoundByABranchATagAndAShortOrWholeName) {
  const auto first = commit("app", "the first");
  git("app", {"tag", "-a", "-m", "v", "v1"});
  commit("app", "the second");
  const auto url = "file://" + (root() / "app").string();
  for (const auto& ref : {first, first.substr(0, 10), std::string("v1")})
    EXPECT_THAT(archive(url, ref), HasSubstr("the first")) << ref;
  for (const char* ref : {"main", "HEAD", "refs/heads/main"}) EXPECT_THAT(archive(url, ref), HasSubstr("the second"));
  EXPECT_THAT(refusal(url, "v2"), HasSubstr("there is no branch, tag or commit \"v2\" in it"));
  const auto tag = git("app", {"rev-parse", "v1"});
  EXPECT_THAT(refusal(url, tag), HasSubstr("is not the name of a commit there, but leads to " + first));
  EXPECT_THAT(refusal("--upload-pack=true", "main"), HasSubstr("is no URL of a repository"));
}

TEST_F(HostileGit, HaveSubmodulesBesideThemButNoneOfThisMachineOrOfAProgram) {
  const auto secret = commit("private", "a private file");
  write("/bin/git-remote-hg", "#!/bin/sh\ntouch " + (root() / "ran").string() + "\n");
  ASSERT_EQ(::chmod((root() / "bin/git-remote-hg").c_str(), 0755), 0);
  commit("app", "of the app");
  for (const auto& url : {(root() / "private").string(), "file://" + (root() / "private").string(),
                          std::string("hg::http://evil.invalid/x"), std::string("hg://evil.invalid/x"),
                          std::string("ext::sh -c touch% ran"), std::string("--upload-pack=x")}) {
    add_submodule("app", url, secret);
    EXPECT_THAT(refusal(root() / "app", "main"), HasSubstr("a submodule has the URL \"" + url + "\"")) << url;
  }
  EXPECT_FALSE(fs::exists(root() / "ran")) << "a program that a repository names was run";
  add_submodule("app", "../private", secret);
  EXPECT_THAT(archive(root() / "app", "main"), HasSubstr("a private file"));
}

TEST_F(HostileGit, ThatNeverEndAreNotRead) {
  commit("bomb", "nothing");
  auto object = "100644 blob " + git("bomb", {"hash-object", "-w", "--stdin"}, "x");
  for (int level = 0; level < 4; ++level) {
    std::string tree;
    for (int i = 0; i < 60; ++i) tree += object + "\t" + std::string(200, 'd') + std::to_string(i) + "\n";
    object = "040000 tree " + git("bomb", {"mktree"}, tree);
  }
  const auto commit = git("bomb", {"commit-tree", "-m", "x", object.substr(12)});
  git("bomb", {"update-ref", "refs/heads/main", commit});
  EXPECT_THAT(refusal(root() / "bomb", "main"), HasSubstr("there are more than 1000000 files in it"));
}

}  // namespace
}  // namespace karapace::project
