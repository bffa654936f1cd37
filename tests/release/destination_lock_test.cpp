// SPDX-License-Identifier: Apache-2.0
#include "release/destination_lock.hpp"

#include <atomic>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::release {
namespace {

using store::error_of;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Lock : ::testing::Test {
  TemporaryDirectory temporary;
  std::filesystem::path directory = temporary.path() / "lock";
  DestinationLock acquire(DestinationLock::Patience patience = {}) {
    return DestinationLock::acquire(directory, patience, {});
  }
};

TEST_F(Lock, IsHadByOneAtATime) {
  std::atomic<int> holders = 0, rounds = 0, together = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int round = 0; round < 25; ++round) {
          auto lock = acquire();
          if (++holders != 1) ++together;
          lock.renew();
          ++rounds;
          --holders;
        }
      });
  }
  EXPECT_EQ(together, 0);
  EXPECT_EQ(rounds, 100);
  EXPECT_THAT(names_in(directory), ElementsAre("100"));
}

TEST_F(Lock, OfAProcessThatIsGoneIsTakenAtOnce) {
  const auto child = store::fork_child([&]() -> int {
    auto lock = acquire();
    ::_exit(0);  // without its destructor
  });
  store::wait_for(child);
  const auto begin = std::chrono::steady_clock::now();
  acquire().renew();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
}

TEST_F(Lock, OfAnotherMachineIsTakenWhenItGivesNoSignOfLife) {
  std::filesystem::create_directory(directory);
  const auto holder = directory / "7";
  write_file_atomically(holder, "0123456789abcdef-1-5 far.example\n", Durable::no);
  EXPECT_THAT(error_of([&] { acquire({.with_silence = 600s, .in_all = 1s}); }),
              HasSubstr("a process on far.example has held the lock"));
  acquire({.with_silence = 1s, .in_all = 60s}).renew();
  EXPECT_THAT(names_in(directory), ElementsAre("8"));
}

TEST_F(Lock, ANumberThatHasNoNextIsNoneOfOurs) {
  std::filesystem::create_directory(directory);
  write_file_atomically(directory / "18446744073709551615", "nobody\n", Durable::no);
  write_file_atomically(directory / "999999999999999999", "nobody\n", Durable::no);
  EXPECT_THAT(store::error_of([&] { DestinationLock::acquire(directory, {}, {}); }),
              HasSubstr("999999999999999999\" is no lock of ours"));
  std::filesystem::remove(directory / "999999999999999999");
  acquire({.with_silence = 1s, .in_all = 5s}).renew();
}

TEST_F(Lock, IsKeptByOneWhoGivesSignsOfLife) {
  const auto lock = acquire();
  // As a process of another world, of which nothing else is known.
  std::filesystem::permissions(directory / "1", std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
  std::ofstream(directory / "1", std::ios::trunc) << "0123456789abcdef-1-5 far.example\n";
  const SignsOfLife signs(lock, 1s);
  EXPECT_THAT(error_of([&] { acquire({.with_silence = 2s, .in_all = 4s}); }), HasSubstr("has held the lock"));
}

TEST_F(Lock, IsLostWhenSomebodyTookItOver) {
  auto lock = acquire();
  write_file_atomically(directory / "2", "0123456789abcdef-1-5 far.example\n", Durable::no);
  EXPECT_THAT(error_of([&] { lock.renew(); }), HasSubstr("was taken over"));
}

}  // namespace
}  // namespace karapace::release
