// SPDX-License-Identifier: Apache-2.0
// Sources of git, with the real git and repositories of this machine; and what repositories may not do.
#include "generator/project/git_source.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/words.hpp"

namespace karapace::project {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Git : public ::testing::Test {
 protected:
  void SetUp() override {
    // The user's own configuration is not the matter here.
    ::setenv("HOME", directory().c_str(), 1);
    ::unsetenv("XDG_CONFIG_HOME");
    ::setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    sh("git config --global user.name n; git config --global user.email e@example.org; git config --global "
       "init.defaultBranch main; git config --global protocol.file.allow always; git init -q r");
  }
  const fs::path& directory() const { return temporary_.path(); }
  /// What it prints, without the last line's end.
  std::string sh(const std::string& script) const {
    const auto file = directory() / "output";
    const auto line =
        fmt::format("cd '{}' && {{ set -e\n{}\n}} >'{}' 2>&1", directory().native(), script, file.native());
    const int status = std::system(line.c_str());
    const auto output = read_file(file);
    EXPECT_EQ(status, 0) << script << output;
    return std::string(trimmed(std::string_view(output)));
  }
  /// Commits what the script makes in the repository "r"; answers the commit.
  std::string commit(const std::string& script) const {
    return sh("cd r; { " + script +
              "; } >/dev/null; git add -A . 2>/dev/null; GIT_COMMITTER_DATE='1700000000 +0000' git commit -qm m; git "
              "rev-parse HEAD");
  }
  std::string url() const { return directory() / "r"; }

  GitSource source(const std::string& ref, const std::string& from = {}) {
    const auto place = directory() / fmt::format("place-{}", ++places_);
    fs::create_directory(place);
    return {from.empty() ? url() : from, ref, place};
  }
  /// As `tar -tv` shows it, with whole names of links; the archive stays as "archive".
  std::string listed(const GitSource& source) {
    const auto path = directory() / "archive";
    const auto file = open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    digests_ = source.archive(file.get());
    EXPECT_EQ(source.archive(-1).sha256, digests_.sha256);
    return sh("TZ=UTC tar -tvf archive | sed 's/  */ /g'");
  }
  /// A commit of a tree as git would never make it: lines as of `git ls-tree`.
  std::string commit_of(const std::string& entries) const {
    return sh(
        "cd r; blob=$(echo x | git hash-object -w --stdin); tree=$(printf \"" + entries +
        "\" | git mktree); commit=$(git commit-tree -m m $tree); git update-ref refs/heads/odd $commit; echo $commit");
  }
  template <class Action>
  std::string refusal(const Action& action) {
    try {
      action();
      return "accepted";
    } catch (const Error& error) {
      return error.what();
    }
  }
  std::string refusal_of(const std::string& ref) {
    return refusal([&] { source(ref).archive(-1); });
  }

  TemporaryDirectory temporary_;
  ArchiveDigests digests_;
  int places_ = 0;
};

TEST_F(Git, ATreeIsThatOfTheCommitAndNothingOfItsAttributesCounts) {
  const auto wanted = commit(
      "mkdir -p d/empty; echo a >d/a.txt; echo '#!' >run; chmod 755 run; ln -s ../out link; echo id '$Id$' >id; echo "
      "no >left; "
      "printf '* text eol=crlf\\nid ident export-subst\\nleft export-ignore\\nd/a.txt filter=bad\\n' >.gitattributes; "
      "git config "
      "filter.bad.smudge 'touch ../smudged; cat'; git config filter.bad.clean cat");
  const auto of_main = source("main");
  EXPECT_EQ(of_main.commit(), wanted);
  EXPECT_EQ(listed(of_main),
            "-rw-r--r-- 0/0 76 2023-11-14 22:13 .gitattributes\n"
            "drwxr-xr-x 0/0 0 2023-11-14 22:13 d/\n"
            "-rw-r--r-- 0/0 2 2023-11-14 22:13 d/a.txt\n"
            "-rw-r--r-- 0/0 8 2023-11-14 22:13 id\n"
            "-rw-r--r-- 0/0 3 2023-11-14 22:13 left\n"
            "lrwxrwxrwx 0/0 0 2023-11-14 22:13 link -> ../out\n"
            "-rwxr-xr-x 0/0 3 2023-11-14 22:13 run");
  EXPECT_EQ(sh("tar -xOf archive id d/a.txt"), "a\nid $Id$");
  EXPECT_FALSE(fs::exists(directory() / "smudged"));
}

TEST_F(Git, ABranchATagAndACommitAreTheSameBytes) {
  const auto first = commit("echo 1 >f; git tag light 2>/dev/null || :");
  sh("cd r; git tag -f light; git tag -am t heavy; git branch feature/x");
  commit("echo 2 >f");
  listed(source(first));
  const auto bytes = digests_.sha256;
  for (const auto& ref : {std::string("light"), std::string("heavy"), std::string("feature/x"),
                          std::string("refs/tags/heavy"), first.substr(0, 12)}) {
    const auto found = source(ref);
    EXPECT_EQ(found.commit(), first) << ref;
    listed(found);
    EXPECT_EQ(digests_.sha256, bytes) << ref;
  }
  EXPECT_NE(source("main").commit(), first);
}

TEST_F(Git, OnlyTheCommitIsFetchedWhereTheServerGivesItAlone) {
  const auto first = commit("echo 1 >f");
  commit("echo 2 >f");
  source("main", "file://" + url());
  EXPECT_EQ(sh("git -C place-1/repository rev-list --all --count FETCH_HEAD"), "1");
  // As servers did that know no other protocol: they give a commit that is no tip to nobody.
  sh("git config --global protocol.version 0");
  EXPECT_EQ(source(first, "file://" + url()).commit(), first);
  EXPECT_EQ(sh("git -C place-2/repository rev-list --count main"), "2");
}

TEST_F(Git, WhatIsNotThereIsTold) {
  commit("echo 1 >f");
  sh("cd r; git tag of-a-tree HEAD^{tree}");
  EXPECT_THAT(refusal_of("nothing"), HasSubstr("there is no branch, tag or commit \"nothing\" in it"));
  EXPECT_THAT(refusal_of(std::string(40, 'a')), HasSubstr("there is no branch, tag or commit \"aaaa"));
  EXPECT_THAT(refusal_of("of-a-tree"), HasSubstr("\"of-a-tree\" is no commit"));
  EXPECT_THAT(refusal([&] { source("main", directory() / "none"); }),
              AllOf(HasSubstr("\"main\" can not be had:\n  fatal: "), HasSubstr("\n  fatal: Could not read"),
                    Not(HasSubstr("\\x"))));
}

TEST_F(Git, WordsThatGitWouldTakeForMoreThanARefAreRefused) {
  commit("echo 1 >f");
  for (const auto* ref : {"", "--upload-pack=touch ../hit", "--upload-pack=touch${IFS}hit", "-q", "+main", "^main",
                          "main:refs/heads/x", "refs/heads/*", "main main", "main~1", "@{u}", "main\nx", ":"})
    EXPECT_THAT(refusal_of(ref), HasSubstr("is no name of a branch, tag or commit")) << ref;
  EXPECT_THAT(refusal([&] { source("main", "--upload-pack=touch hit"); }), HasSubstr("is no URL of a repository"));
  EXPECT_THAT(refusal([&] { source("main", "ext::sh -c touch% hit"); }), HasSubstr("is no URL of a repository"));
  EXPECT_THAT(sh("find . -name '*hit*' ! -path './r/*'"), "");
}

TEST_F(Git, SubmodulesAreInTheTreeAtAnyDepth) {
  sh("git init -q inner; cd inner; echo inner >i; git add .; git commit -qm m; cd ..; git init -q middle; cd middle; "
     "git submodule "
     "--quiet add ../inner deep/inner 2>/dev/null; git commit -qm m");
  commit("git submodule --quiet add ../middle lib/middle; echo 1 >f");
  sh("cd inner; echo newer >i; git commit -qam m");  // the commit is named, not the branch
  const auto all = listed(source("main"));
  EXPECT_THAT(all, AllOf(HasSubstr(" lib/middle/deep/inner/i"), HasSubstr(" lib/middle/.gitmodules"),
                         Not(HasSubstr("/.git\n"))));
  EXPECT_EQ(sh("tar -xOf archive lib/middle/deep/inner/i"), "inner");
  EXPECT_THAT(listed(source("main", "file://" + url())), all);
}

TEST_F(Git, SubmodulesWithoutAnAddressAreTold) {
  const auto id = commit("echo 1 >f");
  EXPECT_THAT(refusal_of(commit_of("160000 commit " + id + "\\tlib\\n")),
              HasSubstr("the submodule \"lib\" has no URL in its .gitmodules"));
}

TEST_F(Git, ASubmoduleIsNoOptionAndNoProgram) {
  const auto id = commit("echo 1 >f");
  for (const auto* address : {"--upload-pack=touch hit", "ext::touch hit"}) {
    sh(
        fmt::format("cd r; git config -f .gitmodules submodule.lib.path lib; git config -f .gitmodules "
                    "submodule.lib.url '{}'; git add "
                    ".gitmodules; git update-index --add --cacheinfo 160000,{},lib; git commit -qm m",
                    address, id));
    EXPECT_THAT(refusal_of("main"), AllOf(Not("accepted"), HasSubstr(address)));
  }
  EXPECT_THAT(sh("find . -name '*hit*' ! -path './r/*'"), "");
}

TEST_F(Git, ARepositoryFromElsewhereNamesNoneOfThisMachine) {
  const auto secret = commit("echo secret >f");
  sh(
      fmt::format("git init -q --bare served.git; git init -q s; cd s; git config -f .gitmodules submodule.lib.path "
                  "lib; git config -f "
                  ".gitmodules submodule.lib.url '{}'; git add .gitmodules; git update-index --add --cacheinfo "
                  "160000,{},lib; git commit "
                  "-qm m; git push -q ../served.git main; cd ../served.git; git update-server-info",
                  url(), secret));
  sh("cd served.git; (python3 -u -m http.server --bind 127.0.0.1 0 >../port 2>&1 & echo $! >../pid); while ! [ -s "
     "../port ]; do sleep "
     "0.05; done");
  const auto server = "http://127.0.0.1:" + sh("sed -n 's/.*port \\([0-9]*\\).*/\\1/p' port") + "/";
  ::unsetenv("http_proxy");
  const auto said =
      refusal([&] { source("main", server).archive(-1); });  // this server knows no shallow fetches either
  sh("kill $(cat pid)");
  EXPECT_THAT(said, HasSubstr("a submodule has the URL \"" + url() + "\""));
}

TEST_F(Git, NamesThatLeadOutOfATreeAreRefused) {
  commit("echo 1 >f");
  for (const auto* name : {"..", ".", ".git", ".GIT"})
    EXPECT_THAT(refusal_of(commit_of(fmt::format("100644 blob $blob\\t{}\\n", name))),
                HasSubstr(fmt::format("\"{}\" ", name)))
        << name;
  const auto below =
      sh("cd r; blob=$(echo x | git hash-object -w --stdin); printf \"100644 blob $blob\\tconfig\\n\" | git mktree");
  EXPECT_THAT(refusal_of(commit_of("040000 tree " + below + "\\t.git\\n")),
              HasSubstr("\".git\" would be a repository's own"));
  EXPECT_THAT(refusal_of(commit_of("040000 tree " + below + "\\t..\\n")), HasSubstr("\"..\" leads out of the tree"));
  // A name with a slash in it, which no program of git writes.
  const auto odd =
      sh("cd r; blob=$(echo x | git hash-object -w --stdin); { printf '100644 ../../x\\0'; echo $blob | sed "
         "'s/../\\\\x&/g' | "
         "xargs -0 printf '%b' | head -c 20; } >../tree; tree=$(git hash-object -t tree --literally -w ../tree); git "
         "commit-tree -m m $tree");
  sh("cd r; git update-ref refs/heads/odd " + odd);
  EXPECT_THAT(refusal_of(odd), HasSubstr("leads out of the tree"));
  EXPECT_THAT(refusal_of(commit_of("100644 blob $blob\\ta\\n120000 blob $blob\\ta\\n")),
              HasSubstr("\"a\" is there twice"));
}

TEST_F(Git, ATreeWithoutEndIsRefusedBeforeItIsWritten) {
  commit("echo 1 >f");
  // 10^9 files of one object each.
  const auto many = sh(
      "cd r; tree=$(echo x | git hash-object -w --stdin); kind='100644 blob'; for level in 1 2 3 4 5 6 7 8 9; do "
      "tree=$(for i in 0 1 2 3 4 5 6 7 8 9; do printf \"$kind $tree\\t$i\\n\"; done | git mktree); kind='040000 tree'; "
      "done; git update-ref refs/heads/many $(git commit-tree -m m $tree)");
  EXPECT_THAT(refusal_of("many"), HasSubstr("there are more than 1000000 files in it"));
  // 10^4 files of 4 MiB, which is one object.
  sh("cd r; tree=$(head -c 4194304 /dev/zero | git hash-object -w --stdin); kind='100644 blob'; for level in 1 2 3 4; "
     "do tree=$(for i in 0 "
     "1 2 3 4 5 6 7 8 9; do printf \"$kind $tree\\t$i\\n\"; done | git mktree); kind='040000 tree'; done; git "
     "update-ref refs/heads/big "
     "$(git commit-tree -m m $tree)");
  EXPECT_THAT(refusal_of("big"), HasSubstr("a source may have 8589934592 bytes"));
}

TEST_F(Git, ReplacedObjectsAreNotBelieved) {
  const auto wanted = commit("echo honest >f");
  const auto other = commit("echo other >f");
  sh(fmt::format("cd r; git replace {} {}; git config --global protocol.version 0", wanted, other));
  const auto found = source(wanted, "file://" + url());  // all refs are fetched, those of replacements too
  listed(found);
  EXPECT_EQ(found.commit(), wanted);
  EXPECT_EQ(sh("tar -xOf archive f"), "honest");
}

TEST_F(Git, ManyFilesAreReadInPartsAndEmptyOnesAreKept) {
  commit("for i in $(seq 450); do echo $i >f$i; done; : >empty; head -c 1000000 /dev/zero >big");
  listed(source("main"));
  EXPECT_EQ(sh("tar -xOf archive f1 f450 empty; tar -xOf archive big | wc -c; tar -tf archive | wc -l"),
            "1\n450\n1000000\n452");
}

}  // namespace
}  // namespace karapace::project
