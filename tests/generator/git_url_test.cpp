// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/git_url.hpp"

#include <gtest/gtest.h>

namespace karapace::manifest {
namespace {

TEST(GitUrl, OnlyGitsOwnTransportsAndPathsAreFollowed) {
  for (const auto* url : {"https://host/x", "http://user@host:80/x", "ssh://git@host/x", "git://host/x", "host:x/y",
                          "git@host:x", "git@[::1]:x", "/srv/x.git", "../x", "./x:y", "file:///srv/x"})
    EXPECT_EQ(judge_git_url(url), std::nullopt) << url;
  for (const auto* url : {"hg::http://host/x", "hg://host/x", "ext::sh", "HTTPS://host/x", "File:///x", "x::y",
                          "ftp://host/x", "::x", "hg_x://host/x"}) {
    ASSERT_TRUE(judge_git_url(url)) << url;
    EXPECT_NE(judge_git_url(url)->find("would run a program of this machine"), std::string::npos) << url;
  }
  for (const auto* url : {"", "-x", "--upload-pack=x", "http://host/a b", "https://host/a\nb"})
    EXPECT_TRUE(judge_git_url(url)) << url;
}

TEST(GitUrl, ARelativeOneStaysAtItsServer) {
  const auto resolved = [](const char* url, const char* of) {
    return resolved_git_url(url, of).value_or("out of all paths");
  };
  EXPECT_EQ(resolved("../b.git", "https://host/a/x.git"), "https://host/a/b.git");
  EXPECT_EQ(resolved("../../b.git", "https://host/a/x.git/"), "https://host/b.git");
  EXPECT_EQ(resolved("./b", "https://host/a"), "https://host/a/b");
  EXPECT_EQ(resolved("./b", "https://host"), "https://host/b");
  EXPECT_EQ(resolved("../../../b", "https://host/a/x"), "out of all paths");
  // Whose token another host would get.
  EXPECT_EQ(resolved("../../e@evil.invalid/r", "http://TOKEN:x-oauth-basic@host/sub"), "out of all paths");
  EXPECT_EQ(resolved("../e@evil.invalid/r", "http://TOKEN:x-oauth-basic@host/sub"),
            "http://TOKEN:x-oauth-basic@host/e@evil.invalid/r");
  EXPECT_EQ(resolved("../../8080/b", "http://host:80/a"), "out of all paths");
  EXPECT_EQ(resolved("../b", "http://host:80/a"), "http://host:80/b");
  EXPECT_EQ(resolved("../b", "git@host:team/a.git"), "git@host:team/b");
  EXPECT_EQ(resolved("../b", "git@host:a"), "git@host:b");
  EXPECT_EQ(resolved("../../b", "git@host:a"), "out of all paths");
  EXPECT_EQ(resolved("../b", "git@host:/a"), "git@host:/b");
  EXPECT_EQ(resolved("../b", "[::1]:a/c"), "[::1]:a/b");
  EXPECT_EQ(resolved("../b", "/srv/a"), "/srv/b");
  EXPECT_EQ(resolved("../b", "file:///srv/a"), "file:///srv/b");
  EXPECT_EQ(resolved("../../../b", "file:///srv/a"), "out of all paths");
  EXPECT_EQ(resolved("https://other/b", "file:///srv/a"), "https://other/b");
}

TEST(GitUrl, PasswordsAreNotShown) {
  EXPECT_EQ(without_credentials("fatal: 'https://u:p@host/x?q' and http://TOKEN@h:1/ but ssh://git@host/x and "
                                "ssh://git:p@host/x; https://host/a@b a@b: x"),
            "fatal: 'https://***@host/x?q' and http://***@h:1/ but ssh://git@host/x and ssh://git:***@host/x; "
            "https://host/a@b a@b: x");
}

}  // namespace
}  // namespace karapace::manifest
