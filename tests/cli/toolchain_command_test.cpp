// SPDX-License-Identifier: Apache-2.0
// What `toolchain` refuses, and why; what it makes is tested end to end.
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/cli/program_fixture.hpp"

namespace karapace::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ToolchainCommand : public ProgramTest {
 protected:
  std::string id_ = store::environment_of(store_, "an image").id.short_hex();
};

TEST_F(ToolchainCommand, NamesADirectoryThatDoesNotExist) {
  const auto refused = karapace("toolchain --bind /not/there " + id_);
  EXPECT_EQ(refused.status, 1);
  EXPECT_EQ(refused.output,
            "karapace: error: toolchain: --bind: \"/not/there\" is no directory: make it first, or name another\n");
}

TEST_F(ToolchainCommand, TellsOfAStoreThatCanNotBeWrittenTo) {
  const auto root = store_.root().native();
  const auto inner = "mount --bind " + root + " " + root + " && mount -o remount,bind,ro " + root + " && " +
                     KARAPACE_PROGRAM + " --store " + root + " toolchain --bind / " + id_ + " >" +
                     (temporary_.path() / "said").native() + " 2>&1";
  const std::string unshare = ::geteuid() == 0 ? "unshare -m" : "unshare -rm";
  EXPECT_EQ(WEXITSTATUS(std::system((unshare + " sh -c '" + inner + "'").c_str())), 3);
  EXPECT_EQ(read_file(temporary_.path() / "said"),
            "karapace: error: toolchain: the environment " + id_ + " has no sysroot yet, and the store " + root +
                " can not be written to: run `karapace toolchain` once where it can\n");
}

TEST_F(ToolchainCommand, SaysItselfWhyASysrootCanNotBeMade) {
  // A layer that is gone.
  std::filesystem::rename(store_.root() / "layers", temporary_.path() / "layers");
  std::filesystem::create_directory(store_.root() / "layers");
  const auto refused = karapace("--json toolchain --bind / " + id_);
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.output, HasSubstr("the environment's sysroot can not be made: karapace-sysroot: error: "));
  EXPECT_THAT(refused.output, Not(HasSubstr("see above")));
  EXPECT_EQ(refused.output.front(), '{');
}

}  // namespace
}  // namespace karapace::cli
