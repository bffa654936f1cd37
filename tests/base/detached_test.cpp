// SPDX-License-Identifier: Apache-2.0
#include "base/detached.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/file.hpp"

namespace karapace {
namespace {

class DetachedTest : public ::testing::Test {
 protected:
  Fd locked(const std::filesystem::path& name) const {
    Fd fd = open_at(AT_FDCWD, temporary_.path() / name, O_RDWR | O_CREAT, 0600);
    EXPECT_EQ(::flock(fd.get(), LOCK_EX | LOCK_NB), 0);
    return fd;
  }
  bool is_locked(const std::filesystem::path& name) const {
    const Fd fd = open_at(AT_FDCWD, temporary_.path() / name, O_RDWR);
    return ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0;
  }
  TemporaryDirectory temporary_{"detached"};
};

TEST_F(DetachedTest, ALockThatIsNotKeptIsFreeAsSoonAsTheCallerGivesItBack) {
  for (int i = 0; i < 50; ++i) {
    auto given_back = locked("given back");
    auto kept = locked("kept");
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    Fd read_end(ends[0]), write_end(ends[1]);
    ASSERT_TRUE(run_detached({read_end.get(), kept.get()}, [&] {
      char byte = 0;
      [[maybe_unused]] const auto count = ::read(read_end.get(), &byte, 1);
    }));
    given_back.reset();
    kept.reset();
    EXPECT_FALSE(is_locked("given back"));
    EXPECT_TRUE(is_locked("kept"));
    write_end.reset();
    for (int tries = 0; tries < 1000 && is_locked("kept"); ++tries) ::usleep(1000);
    EXPECT_FALSE(is_locked("kept"));
  }
}

}  // namespace
}  // namespace karapace
