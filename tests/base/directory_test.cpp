// SPDX-License-Identifier: Apache-2.0
#include "base/directory.hpp"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace karapace {
namespace {

namespace fs = std::filesystem;

TEST(TemporaryDirectory, IsOnesOwnAndGoesWithAllThatIsInIt) {
  fs::path path;
  {
    TemporaryDirectory directory("karapace-own");
    path = directory.path();
    EXPECT_EQ(path.parent_path(), fs::temp_directory_path());
    EXPECT_TRUE(path.filename().native().starts_with("karapace-own-"));
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700u);
    fs::create_directory(path / "locked");
    std::ofstream(path / "locked/file") << "text";
    fs::permissions(path / "locked", fs::perms::none);
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(TemporaryDirectory, IsMadeWhereItIsWantedElseAmongTemporaryFiles) {
  TemporaryDirectory parent;
  EXPECT_EQ(TemporaryDirectory("x", parent.path()).path().parent_path(), parent.path());
  EXPECT_EQ(TemporaryDirectory("x", parent.path() / "missing").path().parent_path(), fs::temp_directory_path());
}

}  // namespace
}  // namespace karapace
