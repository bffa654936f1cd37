// SPDX-License-Identifier: Apache-2.0
// How long those who make something wait for a collection or a repair that has nothing to do with them.
#include <atomic>
#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/durable_file.hpp"
#include "base/file_lock.hpp"
#include "store/gc.hpp"
#include "store/instance.hpp"
#include "store/verify.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds bound{50};

class WaitingTest : public StoreTest {
 protected:
  static constexpr int living = 200;
  static constexpr int dead = 400;
  static constexpr int instances = 400;

  /// What other processes of the machine take from us is no waiting for a lock.
  void SetUp() override {
    ::setpriority(PRIO_PROCESS, 0, -20);
    for (int i = 0; i < living; ++i) {
      auto environment = environment_of(store_, fmt::format("living {}", i));
      if (i % 10 == 0) add_root(store_, root_of(environment, fmt::format("living {}", i)));
    }
    auto first = open_instance(store_, {environment_of(store_, "used").id, std::nullopt});
    for (int i = 0; i < instances; ++i)
      std::filesystem::copy(first.directory, store_.instances_path() / fmt::format("{:016x}", i),
                            std::filesystem::copy_options::recursive);
  }
  void TearDown() override { ::setpriority(PRIO_PROCESS, 0, 0); }

  void make_garbage(int round) {
    for (int i = 0; i < dead; ++i) environment_of(store_, fmt::format("dead {} {}", round, i));
  }

  /// The longest that anybody waited who asked for the lock again and again meanwhile, without what a busy machine
  /// makes it: for that long one that only slept did not get a turn.
  template <class Work>
  milliseconds longest_wait_during(Work work, const std::string& name) {
    std::atomic<bool> done = false;
    steady_clock::duration longest{};
    steady_clock::duration overslept{};
    std::thread asking([&] {
      while (!done) {
        const auto begin = steady_clock::now();
        FileLock::acquire(store_.root() / "locks" / name, LOCK_SH);
        const auto had = steady_clock::now();
        longest = std::max(longest, had - begin);
        std::this_thread::sleep_for(milliseconds(1));
        overslept = std::max(overslept, steady_clock::now() - had - milliseconds(1));
      }
    });
    work();
    done = true;
    asking.join();
    return std::chrono::duration_cast<milliseconds>(longest - overslept);
  }

  /// The best of some rounds: the machine may be busy with something else.
  template <class Prepare, class Work>
  milliseconds shortest_of_rounds(Prepare prepare, Work work, const std::string& lock = "contents") {
    auto best = milliseconds::max();
    for (int round = 0; round < 4 && best > bound; ++round) {
      prepare(round);
      best = std::min(best, longest_wait_during(work, lock));
    }
    return best;
  }
};

TEST_F(WaitingTest, AGcOfALargeStoreKeepsNobodyWaiting) {
  auto waited = shortest_of_rounds([&](int round) { make_garbage(round); },
                                   [&] { EXPECT_GE(collect_garbage(store_, {}).garbage.size(), dead * 8u); });
  EXPECT_LE(waited.count(), bound.count());
}

TEST_F(WaitingTest, NorDoesOneThatTakesAnOldGraphsFilesKeepTheStepsOfANewOne) {
  const auto name = blake3("a build directory that is gone").hex();
  const auto mark = store_.root() / "graphs" / name / "lost";
  auto prepare = [&](int round) {
    make_garbage(round);
    std::filesystem::create_directories(mark.parent_path());
    write_file_atomically(mark, "", Durable::no);
    const timespec times[2] = {{1000, 0}, {1000, 0}};
    ::utimensat(AT_FDCWD, mark.c_str(), times, 0);
  };
  auto waited = shortest_of_rounds(
      prepare, [&] { EXPECT_GE(collect_garbage(store_, {}).garbage.size(), dead * 8u + 1); }, "graph-" + name);
  EXPECT_LE(waited.count(), bound.count());
}

TEST_F(WaitingTest, ARepairOfALargeStoreKeepsNobodyWaiting) {
  auto waited = shortest_of_rounds(
      [&](int round) { flip_byte(store_.blob_path(BlobId(blake3(fmt::format("living {}", round))))); },
      [&] { EXPECT_EQ(verify_store(store_, {.repair = Repair::yes, .threads = 2}).problems.size(), 1u); });
  EXPECT_LE(waited.count(), bound.count());
}

}  // namespace
}  // namespace karapace::store
