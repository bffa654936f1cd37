// SPDX-License-Identifier: Apache-2.0
// A session may have written the repository's own configuration: git must start nothing of it outside.
#include "generator/project/git_revision.hpp"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace karapace::tests {

using namespace project;
namespace {

namespace fs = std::filesystem;

class HostileRepository : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(project() / "karapace.toml") << "manifest_version = 1\n";
    std::ofstream(project() / ".gitattributes") << "* filter=f diff=d merge=m\n";
    ASSERT_EQ(git("init -q . && git add . && git -c user.name=n -c user.email=e@example.org commit -qm first"), 0);
    std::ofstream(program()) << "#!/bin/sh\necho \"$0 $*\" >>" << witness().native() << "\nexit 0\n";
    ::chmod(program().c_str(), 0755);
    fs::create_directories(project() / ".git/hooks");
    for (const char* hook :
         {"post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc", "query-watchman"})
      fs::copy_file(program(), project() / ".git/hooks" / hook);
    for (const char* key : {"core.fsmonitor",
                            "core.pager",
                            "core.sshCommand",
                            "core.editor",
                            "core.gitProxy",
                            "core.alternateRefsCommand",
                            "core.askPass",
                            "credential.helper",
                            "diff.external",
                            "diff.d.command",
                            "diff.d.textconv",
                            "filter.f.clean",
                            "filter.f.smudge",
                            "filter.f.process",
                            "gpg.program",
                            "pager.ls-tree",
                            "pager.rev-parse",
                            "merge.m.driver",
                            "uploadpack.packObjectsHook",
                            "alias.rev-parse",
                            "alias.ls-files"})
      ASSERT_EQ(git(std::string("config ") + key + " " + (key[0] == 'a' ? "!" : "") + program().native()), 0) << key;
    ASSERT_EQ(git("config remote.origin.url ext::" + program().native()), 0);
    ASSERT_EQ(git("config remote.origin.promisor true"), 0);
    // Newer than the index says, so that who asks for changes has to look.
    std::ofstream(project() / "karapace.toml") << "manifest_version = 1\n# other\n";
  }

  int git(const std::string& words) const {
    return std::system(("cd " + project().native() + " && git " + words).c_str());
  }
  std::string started() const { return read_file_if_exists(witness()).value_or(""); }
  const fs::path& project() const { return project_.path(); }
  fs::path program() const { return outside_.path() / "program"; }
  fs::path witness() const { return outside_.path() / "witness"; }

  TemporaryDirectory project_;
  TemporaryDirectory outside_;
};

TEST(WorkTrees, OfSeveralDirectoriesEachHasWhatItHasAlone) {
  const TemporaryDirectory repository;
  const auto project = fs::canonical(repository.path()) / "project";
  const auto script =
      "mkdir " + project.native() + " && cd " + project.native() +
      " && git init -q .. && mkdir -p a/deep/x b a-b '*' empty ignored nested && git init -q nested && "
      "for f in a/1 a/deep/x/2 a/deep.c b/3 b/left a-b/4 '*/5' ignored/6 nested/7; do echo x >\"$f\"; done && "
      "printf 'left\\nignored\\n' >.gitignore && git add a/1 b/3 && ln -s a link";
  ASSERT_EQ(std::system(script.c_str()), 0);
  std::vector<fs::path> directories;
  for (const auto* name : {"a", "a/deep", "b", "a-b", "*", "empty", "ignored", "nested", "a"})
    directories.push_back(project / name);
  directories.push_back(project.parent_path());
  const auto found = files_of_work_trees(project, directories);
  for (const auto* name : {"a", "a/deep", "b", "a-b", "*"}) {
    ASSERT_TRUE(found.contains(project / name)) << name;
    EXPECT_EQ(found.at(project / name), *files_of_work_tree(project / name)) << name;
  }
  EXPECT_EQ(found.size(), 5u);
  EXPECT_EQ(found.at(project / "b"), std::vector<fs::path>{"3"});
}

TEST(WorkTrees, TheRepositoryIsTheDirectorysWhateverIsSaidOfOthers) {
  const TemporaryDirectory repository;
  const auto project = fs::canonical(repository.path());
  const auto script =
      "cd " + project.native() +
      " && git init -q && mkdir -p a b && echo x | tee a/1 b/2 b/ignored >/dev/null && "
      "echo ignored >.gitignore && git add . && git mv a A && mv A a && git config core.ignorecase true && "
      "git init -q other";
  ASSERT_EQ(std::system(script.c_str()), 0);
  ::setenv("GIT_DIR", (project / "other/.git").c_str(), 1);
  ::setenv("GIT_INDEX_FILE", (project / "other/.git/index").c_str(), 1);
  ::setenv("GIT_CEILING_DIRECTORIES", project.c_str(), 1);
  const auto alone = files_of_work_tree(project / "b"), renamed = files_of_work_tree(project / "a");
  const auto together = files_of_work_trees(project, {project / "a", project / "b"});
  for (const auto* name : {"GIT_DIR", "GIT_INDEX_FILE", "GIT_CEILING_DIRECTORIES"}) ::unsetenv(name);
  ASSERT_TRUE(alone && renamed);
  EXPECT_EQ(*alone, std::vector<fs::path>{"2"});
  EXPECT_EQ(*renamed, std::vector<fs::path>{"1"});
  EXPECT_EQ(together, (WorkTreeFiles{{project / "a", *renamed}, {project / "b", *alone}}));
}

TEST_F(HostileRepository, StartsProgramsWhenAskedWithoutCare) {
  git("status >/dev/null 2>&1");
  EXPECT_NE(started(), "");
  fs::remove(witness());
  git("ls-files --others --exclude-standard >/dev/null 2>&1");
  EXPECT_NE(started(), "");
}

TEST_F(HostileRepository, StartsNothingForFilesOfTheWorkTree) {
  const auto files = files_of_work_tree(project());
  ASSERT_TRUE(files);
  EXPECT_EQ(files->size(), 2u);
  EXPECT_EQ(started(), "");
}

TEST_F(HostileRepository, StartsNothingForARevision) {
  const auto revision = GitRevision::find("HEAD", project());
  ASSERT_TRUE(revision);
  const auto files = revision->files({});
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(revision->read(files).back(), "manifest_version = 1\n");
  EXPECT_EQ(started(), "");
}

TEST_F(HostileRepository, ThatKeepsGitWaitingIsAnError) {
  ASSERT_EQ(git("config include.path fifo && mkfifo .git/fifo"), 0);
  try {
    GitRevision::find("HEAD", project());
    ADD_FAILURE() << "git has read a FIFO that nobody writes";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("git rev-parse has not answered for"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("remove it"), std::string::npos) << error.what();
  }
}

TEST_F(HostileRepository, StartsNothingForAnObjectThatIsMissing) {
  // What another repository is said to have would be fetched from there, by a program of its choice.
  for (const auto& entry : fs::recursive_directory_iterator(project() / ".git/objects"))
    if (entry.is_regular_file()) fs::remove(entry.path());
  EXPECT_ANY_THROW({
    const auto revision = GitRevision::find("HEAD", project());
    if (!revision) throw Error("no revision");
    revision->files({});
  });
  EXPECT_EQ(started(), "");
}

}  // namespace
}  // namespace karapace::tests
