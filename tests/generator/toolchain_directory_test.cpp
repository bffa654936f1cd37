// SPDX-License-Identifier: Apache-2.0

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "generator/project/toolchain_text.hpp"
#include "store/identifiers.hpp"

namespace karapace::tests {

using namespace project;
namespace {

namespace fs = std::filesystem;

class ToolchainDirectory : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::path(::testing::TempDir()) / "karapace-toolchain-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = fs::canonical(pattern);
    fs::create_directories(directory_ / "victim/bin");
    for (const char* name : {"victim/dear", "victim/bin/dear"})
      write_file_atomically(directory_ / name, "dear\n", Durable::no);
  }
  void TearDown() override { fs::remove_all(directory_); }

  static store::ToolchainFiles files(const std::string& compiler) {
    Toolchain toolchain{.name = "dev",
                        .environment = EnvironmentId(blake3("e")),
                        .sysroot = "/store/sysroots/e",
                        .shared = {"/project"},
                        .karapace = {"/usr/bin/karapace"},
                        .processor = "x86_64",
                        .programs = {{"CMAKE_C_COMPILER", "usr/bin/" + compiler}}};
    return toolchain_files(toolchain);
  }
  std::string refusal() const {
    try {
      write_toolchain(place(), files("gcc"));
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }
  void expect_victim_is_whole() const {
    EXPECT_EQ(read_file(directory_ / "victim/dear"), "dear\n");
    EXPECT_EQ(read_file(directory_ / "victim/bin/dear"), "dear\n");
    EXPECT_EQ(std::distance(fs::directory_iterator(directory_ / "victim"), {}), 2);
  }
  fs::path place() const { return directory_ / "toolchain"; }

  fs::path directory_;
};

TEST_F(ToolchainDirectory, TakesThePlaceOfAnOlderOne) {
  write_toolchain(place(), files("gcc"));
  write_toolchain(place() / "", files("clang"));
  EXPECT_TRUE(fs::exists(place() / "bin/clang"));
  EXPECT_FALSE(fs::exists(place() / "bin/gcc"));
  struct stat status{};
  ASSERT_EQ(::stat((place() / "bin/clang").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0555u);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), {}), 2) << "nothing unfinished stays";
}

TEST_F(ToolchainDirectory, FillsAnEmptyDirectory) {
  fs::create_directory(place());
  write_toolchain(place(), files("gcc"));
  EXPECT_TRUE(fs::exists(place() / "toolchain.cmake"));
}

TEST_F(ToolchainDirectory, ALinkIsRefusedAndNotFollowed) {
  fs::create_symlink(directory_ / "victim", place());
  EXPECT_EQ(refusal(),
            "toolchain: \"" + place().native() +
                "\" is a link or no directory, so it is left alone: name a directory that does not exist yet "
                "with -C, or leave -C out");
  expect_victim_is_whole();
}

TEST_F(ToolchainDirectory, ALinkInPlaceOfItsProgramsIsRefusedAndNotFollowed) {
  write_toolchain(place(), files("gcc"));
  fs::remove_all(place() / "bin");
  fs::create_symlink(directory_ / "victim/bin", place() / "bin");
  EXPECT_NE(refusal().find("holds no toolchain"), std::string::npos) << refusal();
  expect_victim_is_whole();
}

TEST_F(ToolchainDirectory, ForeignFilesAreRefusedAndKept) {
  for (const char* name : {"note", "bin/note", "toolchain.cmake", "bin/gcc"}) {
    SCOPED_TRACE(name);
    fs::remove_all(place());
    write_toolchain(place(), files("gcc"));
    fs::remove(place() / name);
    write_file_atomically(place() / name, "mine\n", Durable::no);
    EXPECT_NE(refusal().find(std::string(name) + "\" is not of a toolchain"), std::string::npos) << refusal();
    EXPECT_EQ(read_file(place() / name), "mine\n");
    fs::remove(place() / name);
    fs::create_symlink(directory_ / "victim/dear", place() / name);
    EXPECT_NE(refusal().find("is not of a toolchain"), std::string::npos) << refusal();
    expect_victim_is_whole();
  }
}

TEST(ToolchainFiles, TheFileNamesItsProgramsByItsOwnPlaceAndThePrintedOneByTheirs) {
  Toolchain toolchain{.name = "dev",
                      .environment = EnvironmentId(blake3("e")),
                      .sysroot = "/store/sysroots/e",
                      .shared = {"/project"},
                      .karapace = {"/usr/bin/karapace"},
                      .processor = "x86_64",
                      .programs = {{"CMAKE_C_COMPILER", "usr/bin/gcc"}}};
  auto kept = toolchain_files(toolchain).at("toolchain.cmake");
  EXPECT_NE(kept.find("set(karapace_programs \"${CMAKE_CURRENT_LIST_DIR}/bin\")"), std::string::npos) << kept;
  EXPECT_NE(kept.find("set(CMAKE_C_COMPILER \"${karapace_programs}/gcc\")"), std::string::npos) << kept;
  auto printed = toolchain_text(toolchain, "/store/toolchains/t");
  EXPECT_NE(printed.find("set(karapace_programs [==[/store/toolchains/t/bin]==])"), std::string::npos) << printed;
  EXPECT_NE(toolchain_preset(toolchain, "/store/toolchains/t").find("\"/store/toolchains/t/toolchain.cmake\""),
            std::string::npos);
}

TEST_F(ToolchainDirectory, IsNotReachedThroughALinkThatASessionMayHaveMade) {
  fs::create_directories(directory_ / "project");
  fs::create_directory_symlink(directory_ / "victim", directory_ / "project/out");
  try {
    write_toolchain(directory_ / "project/out/tools", files("gcc"),
                    [&](const fs::path& place) { return place == directory_ / "project"; });
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.what(),
              "toolchain: \"" + (directory_ / "project/out").string() +
                  "\" is a link, which what ran in a session may have made, so it is not followed: name the "
                  "directory that it leads to, or remove it");
  }
  EXPECT_FALSE(fs::exists(directory_ / "victim/tools"));
}

}  // namespace
}  // namespace karapace::tests
