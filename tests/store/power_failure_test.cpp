// SPDX-License-Identifier: Apache-2.0
// A model of a power failure: of what was made since the last sync any part may be gone or cut, in any order; what was
// there before is whole.
#include "store/power_failure.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "store/environment.hpp"
#include "store/identifiers.hpp"
#include "store/instance.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

class PowerFailureTest : public StoreTest {
 protected:
  /// As if everything so far were on the disk, and the machine had been restarted since.
  void restart_after_sync(std::time_t synced) { write_sync_mark(store_.root(), {"another boot", {synced, 0}}); }

  std::optional<VerifyReport> check() { return verify_since_sync(store_, {.threads = 2}); }

  static void make_old(const std::filesystem::path& path) {
    const timespec times[2] = {{1000, 0}, {1000, 0}};
    ::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
  }

  /// Makes everything in the store look as if it were made long ago.
  void make_all_old() {
    for (const char* directory : {"blobs", "steps", "environments", "layers", "roots"}) {
      for (const auto& name : names_in(store_.root() / directory)) {
        make_old(store_.root() / directory / name);
        if (std::string_view(directory) == "layers") make_old(store_.root() / directory / name / "listing");
      }
    }
  }

  static void cut(const std::filesystem::path& path) {
    ::chmod(path.c_str(), 0644);
    ASSERT_EQ(::truncate(path.c_str(), 0), 0) << path;
  }
};

TEST_F(PowerFailureTest, InTheSameBootNothingIsRead) {
  environment_of(store_, "made");
  flip_byte(store_.blob_path(BlobId(blake3("made"))));
  EXPECT_FALSE(check());
}

TEST_F(PowerFailureTest, OnlyWhatCameAfterTheSyncIsChecked) {
  environment_of(store_, "old");
  make_all_old();
  environment_of(store_, "new");
  restart_after_sync(2000);
  auto report = check();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->checked, 2u + 1 + 4 + 1);
  EXPECT_TRUE(report->problems.empty());
  EXPECT_EQ(read_sync_mark(store_.root())->boot, this_boot());
  EXPECT_FALSE(check()) << "once in a boot";
}

TEST_F(PowerFailureTest, WhateverIsLostOrCutIsFoundAndMadeAgainAndNothingElseIsTouched) {
  auto old = environment_of(store_, "old");
  open_instance(store_, {old.id, std::nullopt});
  make_all_old();
  const auto environment = environment_of(store_, "new");
  const auto layer = environment.layers[0];
  const std::vector<std::filesystem::path> made = {store_.blob_path(BlobId(blake3("new"))),
                                                   store_.step_path(fetch_step_of("new").key()),
                                                   store_.layer_tree(layer) / "bin/file",
                                                   store_.listing_path(layer),
                                                   store_.step_path(unpack_step_of("new").key()),
                                                   store_.environment_path(environment.id),
                                                   store_.step_path(environment.step)};
  std::size_t combinations = 1;
  for (std::size_t i = 0; i < made.size(); ++i) combinations *= 3;
  for (std::size_t combination = 0; combination < combinations; combination += 7) {
    auto rest = combination;
    for (const auto& path : made) {
      if (rest % 3 == 1) remove_tree(path);
      if (rest % 3 == 2) cut(path);
      rest /= 3;
    }
    restart_after_sync(2000);
    check();
    ASSERT_TRUE(verify_store(store_, {.threads = 2}).problems.empty()) << combination;
    ASSERT_EQ(environment_of(store_, "new").text(), environment.text()) << combination;
    ASSERT_TRUE(verify_store(store_, {.threads = 2}).problems.empty()) << combination;
    ASSERT_EQ(find_environment(store_, old.id)->text(), old.text());
    remove_tree(store_.root() / "quarantine");
  }
}

TEST_F(PowerFailureTest, AWholeLayerThatVanishedIsMissedByItsRecord) {
  auto environment = environment_of(store_, "new");
  remove_tree(store_.root() / "layers" / environment.layers[0].hex());
  restart_after_sync(2000);
  auto report = check();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->to_be_remade.size(), 2u) << "the layer's step and the environment's";
  EXPECT_EQ(environment_of(store_, "new").text(), environment.text());
}

TEST_F(PowerFailureTest, ADamagedMarkMakesItLookAtEverything) {
  environment_of(store_, "made");
  make_all_old();
  flip_byte(store_.root() / "synced");
  auto report = check();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->checked, 2u + 1 + 4 + 1);
}

TEST_F(PowerFailureTest, AStoreOfAVersionWithoutMarksGetsOne) {
  std::filesystem::remove(store_.root() / "synced");
  Store::open(store_.root(), Store::Access::read_only);
  auto mark = read_sync_mark(store_.root());
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->boot, this_boot());
  EXPECT_EQ(mark->synced.tv_sec, 0);
}

TEST_F(PowerFailureTest, ASyncMovesTheMark) {
  write_sync_mark(store_.root(), {this_boot(), {5, 0}});
  const auto before = ::time(nullptr);
  sync_store(store_);
  EXPECT_GE(read_sync_mark(store_.root())->synced.tv_sec, before);
}

}  // namespace
}  // namespace karapace::store
