// SPDX-License-Identifier: Apache-2.0
// `import karsk` of projects that are somebody else's.
#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "gen_fixture.hpp"

namespace karapace::tests {
namespace {

class ImportKarsk : public Gen {
 protected:
  void SetUp() override {
    Gen::SetUp();
    fs::create_directories(project_ / "karsk");
    fs::create_directories(project_ / "elsewhere");
    write("elsewhere/secret", "root:*:\n");
  }
  void write(const std::string& name, std::string_view text) const {
    write_file_atomically(project_ / name, text, Durable::no);
  }
  void write_project(const std::string& package, const std::string& top = {}) const {
    write("karsk/config.yaml", "destination: /opt/app\nmain-package: app\nentrypoints: [app]\n" + top +
                                   "packages:\n  - {name: app, version: 1, build: 'true'}\n" + package);
  }
  Result import_it() const { return shell("karapace import karsk karsk/config.yaml"); }
};

TEST_F(ImportKarsk, NamesOfPackagesLeadNowhere) {
  write_project("  - {name: ../../elsewhere/evil, version: 1, build: 'true'}\n");
  const auto result = import_it();
  EXPECT_EQ(result.status, 2) << result.output;
  EXPECT_NE(result.output.find("config.yaml:6:12: \"../../elsewhere/evil\" can be the name of no package here"),
            std::string::npos)
      << result.output;
  EXPECT_FALSE(fs::exists(project_ / "elsewhere/evil"));
  EXPECT_FALSE(fs::exists(project_ / "karsk/karapace.toml"));
}

TEST_F(ImportKarsk, NothingIsWrittenThroughLinksOfTheProject) {
  write_project("");
  fs::create_directory_symlink(project_ / "elsewhere", project_ / "karsk/sources");
  auto result = import_it();
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_NE(result.output.find("/karsk/sources\" must be a directory and no link"), std::string::npos) << result.output;
  EXPECT_FALSE(fs::exists(project_ / "elsewhere/app"));
  fs::remove(project_ / "karsk/sources");
  result = import_it();
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_EQ(read_file(project_ / "karsk/sources/app/README"), "app is made without a source.\n");
}

TEST_F(ImportKarsk, OnlyAContainerfileOfTheProjectIsRead) {
  fs::create_symlink(project_ / "elsewhere/secret", project_ / "karsk/link");
  for (const auto& image : {(project_ / "elsewhere/secret").string(), std::string("../elsewhere/secret"),
                            std::string("link"), std::string("x/../../elsewhere/secret")}) {
    fs::remove(project_ / "karsk/karapace.toml");
    write_project("", "build-image: " + image + "\n");
    const auto result = import_it();
    EXPECT_EQ(result.status, 0) << result.output;
    EXPECT_NE(result.output.find("build-image: \"" + image + "\" "), std::string::npos) << result.output;
    EXPECT_EQ(result.output.find("root:*"), std::string::npos) << result.output;
  }
  fs::remove(project_ / "karsk/karapace.toml");
  write("karsk/Containerfile", "FROM debian:11\n");
  write_project("", "build-image: ./Containerfile\n");
  EXPECT_EQ(import_it().status, 0);
  EXPECT_NE(read_file(project_ / "karsk/karapace.toml").find("oci:docker.io/library/debian:11"), std::string::npos);
}

}  // namespace
}  // namespace karapace::tests
