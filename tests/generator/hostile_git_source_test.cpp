// SPDX-License-Identifier: Apache-2.0
// Sources of git whose repositories are somebody else's: what they say of themselves leads nowhere else.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/child.hpp"
#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/words.hpp"
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

  /// From now on every git is counted.
  void count_calls() const {
    const auto real = capture_child({.argv = {"sh", "-c", "command -v git"}}).output;
    write("/bin/git", "#!/bin/sh\necho \" $* \" >>" + (root() / "calls").string() + "\nexec " +
                          real.substr(0, real.find('\n')) + " \"$@\"\n");
    ASSERT_EQ(::chmod((root() / "bin/git").c_str(), 0755), 0);
  }
  std::size_t calls(std::string_view word) const {
    std::size_t count = 0;
    const auto all = read_file(root() / "calls");
    for (const auto line : lines(all)) count += line.find(word) != line.npos;
    return count;
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
  for (const char* url : {"hg::http://evil.invalid/x", "hg://evil.invalid/x", "ext::sh -c touch% ran"})
    EXPECT_THAT(refusal(url, "main"), HasSubstr("is no URL of a repository")) << url;
  // Nor does the user's configuration let anybody's URL become one.
  git("app", {"config", "--global", "url.hg::http://evil.invalid/.insteadOf", "https://good.invalid/"});
  EXPECT_THAT(refusal("https://good.invalid/x", "main"), HasSubstr("transport 'hg' not allowed"));
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

TEST_F(HostileGit, HaveNoRefsOfTheFetchItself) {
  commit("app", "of the app");
  const auto first = commit("app", "another");
  const auto url = "file://" + (root() / "app").string();
  for (const char* ref : {"FETCH_HEAD", "ORIG_HEAD"})
    EXPECT_THAT(refusal(url, ref), HasSubstr("there is no branch, tag or commit \"" + std::string(ref))) << ref;
  EXPECT_THAT(refusal(url, "v1-3-g" + first.substr(0, 10)), HasSubstr("there is no branch, tag or commit"));
}

TEST_F(HostileGit, PasswordsOfUrlsAreNotShown) {
  for (const char* url : {"http://somebody:TOKEN@127.0.0.1:1/x", "http://TOKEN@127.0.0.1:1/x"}) {
    const auto said = refusal(url, "main");
    EXPECT_THAT(said, HasSubstr("http://***@127.0.0.1:1/x: \"main\" can not be had"));
    EXPECT_EQ(said.find("TOKEN"), said.npos) << said;
  }
}

TEST_F(HostileGit, DeepTreesNeedNoGitEach) {
  commit("app", "of the app");
  auto object = "100644 blob " + git("app", {"hash-object", "-w", "--stdin"}, "deep down") + "\tf";
  for (int level = 0; level < 100; ++level) object = "040000 tree " + git("app", {"mktree"}, object + "\n") + "\td";
  git("app", {"update-ref", "refs/heads/deep", git("app", {"commit-tree", "-m", "x", object.substr(12, 40)})});
  count_calls();
  EXPECT_THAT(archive(root() / "app", "deep"), HasSubstr("deep down"));
  EXPECT_LT(calls(""), 15u);
}

TEST_F(HostileGit, WideTreesAreRefusedBeforeTheyAreInMemory) {
  commit("app", "of the app");
  std::string id;
  for (const char digit : git("app", {"hash-object", "-w", "--stdin"}, "x"))
    id += static_cast<char>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
  for (std::size_t at = 0; at < id.size() / 2; ++at) id[at] = static_cast<char>(id[2 * at] * 16 + id[2 * at + 1]);
  id.resize(id.size() / 2);
  std::string tree;
  constexpr int entries = 700'000;
  for (int i = 0; i < entries; ++i) (tree += "100644 " + std::to_string(1'000'000 + i)).append(1, '\0').append(id);
  std::string top;
  for (int i = 0; i < 4; ++i) {
    (tree += "100644 z" + std::to_string(i)).append(1, '\0').append(id);
    top += "040000 tree " + git("app", {"hash-object", "-t", "tree", "-w", "--stdin"}, tree) + "\t" +
           std::to_string(i) + "\n";
  }
  const auto commit = git("app", {"commit-tree", "-m", "x", git("app", {"mktree"}, top)});
  git("app", {"update-ref", "refs/heads/wide", commit});
  EXPECT_THAT(refusal(root() / "app", "wide"), HasSubstr("there are more than 1000000 files in it"));
#ifndef __SANITIZE_ADDRESS__
  struct rusage used;
  ::getrusage(RUSAGE_SELF, &used);
  EXPECT_LT(used.ru_maxrss, 400 * 1024);
#endif
}

TEST_F(HostileGit, ASubmoduleIsFetchedOnceAndTheyHaveAnEnd) {
  auto inner = commit("mods", "inner");
  for (int level = 0; level < 4; ++level) {
    write("/mods/.gitmodules", "");
    for (int i = 0; i < 6; ++i) {
      const auto name = std::to_string(i);
      git("mods", {"config", "-f", ".gitmodules", "submodule." + name + ".path", name});
      git("mods", {"config", "-f", ".gitmodules", "submodule." + name + ".url", "../mods"});
      git("mods", {"update-index", "--add", "--cacheinfo", "160000," + inner + "," + name});
    }
    git("mods", {"add", ".gitmodules"});
    git("mods", {"commit", "--quiet", "-m", "level"});
    inner = git("mods", {"rev-parse", "HEAD"});
    git("mods", {"tag", "level" + std::to_string(level)});
  }
  count_calls();
  EXPECT_THAT(archive(root() / "mods", "level2"), HasSubstr("1/2/3/file"));
  EXPECT_LE(calls(" fetch "), 8u) << "four commits";
  EXPECT_THAT(refusal(root() / "mods", "level3"), HasSubstr("there are more than 1000 submodules in it"));
}

}  // namespace
}  // namespace karapace::project
