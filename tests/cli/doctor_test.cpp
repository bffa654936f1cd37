// SPDX-License-Identifier: Apache-2.0
// What `doctor` says where something is asked for or missing; each check is told once.
#include <cstdlib>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/file.hpp"
#include "tests/cli/program_fixture.hpp"

namespace karapace::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Doctor : public ProgramTest {
 protected:
  struct Check {
    std::string status;
    std::string message;
    std::string remedy;
  };
  static std::map<std::string, Check> checks(const std::string& json) {
    std::map<std::string, Check> all;
    const auto document = nlohmann::json::parse(json);
    for (const auto& check : document.at("checks"))
      all[check.at("name")] = {check.at("status"), check.at("message"),
                               check.at("remedy").is_null() ? "" : check.at("remedy").get<std::string>()};
    return all;
  }
  std::map<std::string, Check> doctor() const { return checks(karapace("doctor --json").output); }
  void TearDown() override {
    ::unsetenv("KARAPACE_OVERLAY");
    ::unsetenv("KARAPACE_ID_MODE");
  }
};

TEST_F(Doctor, TriesTheOverlayThatIsAskedFor) {
  ::setenv("KARAPACE_OVERLAY", "fuse", 1);
  auto overlay = doctor().at("overlay");
  EXPECT_THAT(overlay.message, StartsWith("fuse-overlayfs "));
  EXPECT_EQ(overlay.status == "ok", overlay.message == "fuse-overlayfs works, for which KARAPACE_OVERLAY asks");
  ::setenv("KARAPACE_OVERLAY", "kernel", 1);
  EXPECT_THAT(doctor().at("overlay").message, StartsWith("the kernel's overlay "));
  ::setenv("KARAPACE_OVERLAY", "nonsense", 1);
  auto all = doctor();
  EXPECT_EQ(all.at("overlay").status, "error");
  EXPECT_EQ(all.at("overlay").message, "KARAPACE_OVERLAY=nonsense is none of kernel, fuse");
  EXPECT_EQ(all.at("overlay").remedy, "unset KARAPACE_OVERLAY");
  EXPECT_EQ(all.at("sandbox").status, "ok") << all.at("sandbox").message;
}

TEST_F(Doctor, TellsOfAnIdModeThatCanNotBeHadOnce) {
  ::setenv("KARAPACE_ID_MODE", "nonsense", 1);
  auto all = doctor();
  EXPECT_EQ(all.at("id-mode").status, "error");
  for (const char* name : {"sandbox", "overlay"}) {
    EXPECT_EQ(all.at(name).status, "warning");
    EXPECT_EQ(all.at(name).message, "not tried, as there is no id mode to try it in");
    EXPECT_EQ(all.at(name).remedy, "");
  }
}

TEST_F(Doctor, TellsOfAStoreThatCanNotBeMade) {
  const auto home = temporary_.path() / "home";
  std::filesystem::create_directory(home);
  const auto inner = "mount -t tmpfs -o ro none " + home.native() + " && " + KARAPACE_PROGRAM + " --store " +
                     home.native() + "/of/nobody doctor --json >" + (temporary_.path() / "report").native();
  const std::string unshare = ::geteuid() == 0 ? "unshare -m" : "unshare -rm";
  EXPECT_EQ(WEXITSTATUS(std::system((unshare + " sh -c '" + inner + "'").c_str())), 1);
  const auto store = checks(read_file(temporary_.path() / "report")).at("store");
  EXPECT_EQ(store.status, "error");
  EXPECT_EQ(store.message, home.native() + "/of/nobody does not exist and can not be made: " + home.native() +
                               " can not be written to");
  EXPECT_THAT(store.remedy, HasSubstr("--store"));
}

}  // namespace
}  // namespace karapace::cli
