// SPDX-License-Identifier: Apache-2.0
// What `toolchain` refuses, and why; what it makes is tested end to end.
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.hpp"
#include "tests/cli/program_fixture.hpp"

namespace karapace::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ToolchainCommand : public ProgramTest {
 protected:
  Result karapace_on_read_only_store(const std::string& arguments) const {
    const auto root = store_.root().native();
    const auto said = (temporary_.path() / "said").native();
    const auto inner = "mount --bind " + root + " " + root + " && mount -o remount,bind,ro " + root + " && exec " +
                       KARAPACE_PROGRAM + " --store " + root + " " + arguments + " >" + said + " 2>&1";
    const std::string unshare = ::geteuid() == 0 ? "unshare -m" : "unshare -rm";
    const int status = std::system((unshare + " sh -c '" + inner + "'").c_str());
    return {WEXITSTATUS(status), read_file(said)};
  }
  std::string id_ = store::environment_of(store_, "an image").id.short_hex();
};

TEST_F(ToolchainCommand, NamesADirectoryThatDoesNotExist) {
  const auto refused = karapace("toolchain --bind /not/there " + id_);
  EXPECT_EQ(refused.status, 1);
  EXPECT_EQ(refused.output,
            "karapace: error: toolchain: --bind: \"/not/there\" is no directory: make it first, or name another\n");
}

TEST_F(ToolchainCommand, TellsOfAStoreThatCanNotBeWrittenTo) {
  const auto refused = karapace_on_read_only_store("toolchain --bind / " + id_);
  EXPECT_EQ(refused.status, 3);
  EXPECT_EQ(refused.output, "karapace: error: toolchain: the environment " + id_ +
                                " has no sysroot yet, and the store " + store_.root().native() +
                                " can not be written to: run `karapace toolchain` once where it can\n");
}

TEST_F(ToolchainCommand, NeedsNoStoreThatCanBeWrittenToWhenAllIsThere) {
  const auto project = (temporary_.path() / "project").native();
  const auto build =
      "cd " + project +
      " && mkdir -p img/usr/bin && echo >img/usr/bin/gcc && chmod 755 img/usr/bin/gcc && tar -C img -cf base.tar . && "
      "printf 'manifest_version = 1\\n[base]\\nimage = \"./base.tar\"\\nsha256 = \"%s\"\\n' "
      "$(sha256sum <base.tar | cut -c1-64) >karapace.toml && " +
      KARAPACE_PROGRAM + " --store " + store_.root().native() + " gen >/dev/null && ninja >/dev/null";
  std::filesystem::create_directory(project);
  ASSERT_EQ(std::system(build.c_str()), 0);
  const auto made = karapace("toolchain " + project + "/");
  EXPECT_EQ(made.status, 0) << made.output;
  EXPECT_EQ(karapace_on_read_only_store("toolchain " + project + "/").output, made.output);
  const auto file = project + "/toolchain.cmake";
  EXPECT_EQ(karapace("toolchain " + project + "/ -o " + file).status, 0);
  EXPECT_EQ(read_file(file), made.output);
  EXPECT_NE(karapace("toolchain --bind /not/there " + project + "/ -o " + file).status, 0);
  EXPECT_EQ(read_file(file), made.output) << "what failed left the file as it was";
  const auto other = karapace_on_read_only_store("toolchain --bind / " + project + "/");
  EXPECT_EQ(other.status, 3);
  EXPECT_THAT(other.output, HasSubstr("can not be written to and does not have this toolchain of the environment"));
  EXPECT_EQ(karapace_on_read_only_store("toolchain --bind / -C " + project + "/own " + project + "/").status, 0);
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
