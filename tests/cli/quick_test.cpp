// SPDX-License-Identifier: Apache-2.0
// What `quick` makes of its words; README.md's tour, which is run, builds and enters one.
#include <fstream>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "tests/cli/program_fixture.hpp"

namespace karapace::cli {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class Quick : public ProgramTest {
 protected:
  void SetUp() override {
    fs::create_directories(home() / ".config/karapace");
    // Nobody answers: nothing is locked.
    std::ofstream(home() / ".config/karapace/config.toml") << "[mirrors]\ndebian = [\"http://127.0.0.1:9/debian\"]\n"
                                                              "[acquisition]\nretries = 0\n";
    ::setenv("HOME", home().c_str(), 1);
    ::unsetenv("XDG_CACHE_HOME");
    ::unsetenv("XDG_CONFIG_HOME");
  }
  fs::path home() const { return temporary_.path() / "home"; }
  std::set<fs::path> made() const {
    std::set<fs::path> found;
    if (!fs::exists(home() / ".cache/karapace/quick")) return found;
    for (const auto& entry : fs::directory_iterator(home() / ".cache/karapace/quick")) found.insert(entry.path());
    return found;
  }
  std::string refusal(const std::string& words) const {
    const auto result = karapace(fmt::format("quick {}", words));
    EXPECT_EQ(result.status, 125) << words;
    EXPECT_TRUE(made().empty()) << words;
    return result.output;
  }
};

TEST_F(Quick, TheSameWordsAreTheSameEnvironment) {
  for (const std::string words : {"git curl", "curl git curl", "debian/bookworm curl git", "debian/12 curl git -- true",
                                  "--quiet curl git --ephemeral"})
    EXPECT_EQ(karapace(fmt::format("quick {}", words)).status, 125);
  ASSERT_EQ(made().size(), 1u);
  EXPECT_THAT(made().begin()->filename().native(), ::testing::MatchesRegex("curl-git-[0-9a-f]{12}"));
  EXPECT_EQ(read_file(*made().begin() / "karapace.toml"),
            "# Made by `karapace quick`; copy it to keep it.\nmanifest_version = 1\n\n[base]\nimage = "
            "\"debian/bookworm\"\n\n[system]\npackages = [\"curl\", \"git\"]\n");
  karapace("quick debian/trixie curl git");
  karapace("quick curl git make");
  karapace("quick 'git=1:2.39*' curl");
  EXPECT_EQ(made().size(), 4u);
}

TEST_F(Quick, RefusesWordsThatWouldSayMoreThanAName) {
  EXPECT_THAT(refusal("'git\", \"curl'"), HasSubstr("is not a package name"));
  EXPECT_THAT(refusal("'git\"]\nrun = [\"x'"), HasSubstr("is not a package name"));
  EXPECT_THAT(refusal("'a\\\"'"), HasSubstr("is not a package name"));
  EXPECT_THAT(refusal("'debian/x\"'"), HasSubstr("is not a known base"));
  EXPECT_THAT(refusal("'git=1\"'"), HasSubstr("quick: \"git=1\"\" "));
}

TEST_F(Quick, RefusesBasesWithAWayOut) {
  EXPECT_THAT(refusal("debian/bokworm git"), HasSubstr("did you mean \"debian/bookworm\"?"));
  EXPECT_THAT(refusal("debian/stable"), HasSubstr("name one"));
  EXPECT_THAT(refusal("git debian/trixie"), HasSubstr("the base \"debian/trixie\" comes first"));
  EXPECT_THAT(refusal("root.tar.xz"), HasSubstr("a manifest names one with its sha256"));
}

TEST_F(Quick, LeavesAManifestThatSomebodyChanged) {
  karapace("quick git");
  ASSERT_EQ(made().size(), 1u);
  std::ofstream(*made().begin() / "karapace.toml", std::ios::app) << "# mine\n";
  EXPECT_THAT(karapace("quick git").output, HasSubstr("was changed by hand: copy it to a directory of its own"));
  EXPECT_THAT(read_file(*made().begin() / "karapace.toml"), HasSubstr("# mine"));
}

TEST_F(Quick, PinIsLock) {
  for (const std::string words : {"--check", "--upgrade git", "--why git", "--no-such"})
    EXPECT_EQ(karapace(fmt::format("pin {}", words)).status, karapace(fmt::format("lock {}", words)).status) << words;
  EXPECT_EQ(karapace("pin --check").output, karapace("lock --check").output);
}

}  // namespace
}  // namespace karapace::cli
