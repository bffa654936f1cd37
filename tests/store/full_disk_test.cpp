// SPDX-License-Identifier: Apache-2.0
// gc and destroy on a file system without a free byte and without a free inode: when they are needed most.
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/file.hpp"
#include "store/environment.hpp"
#include "store/gc.hpp"
#include "store/instance.hpp"
#include "store/verify.hpp"
#include "tests/skipping.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

constexpr int not_allowed = 77;

void write_text(const char* path, const std::string& text) {
  write_all(open_at(AT_FDCWD, path, O_WRONLY).get(), text, path);
}

/// A small file system at `place` that only this process sees.
bool mount_small(const std::filesystem::path& place) {
  const auto uid = ::geteuid();
  const auto gid = ::getegid();
  if (::unshare(uid == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  if (uid != 0) {
    write_text("/proc/self/setgroups", "deny");
    write_text("/proc/self/uid_map", fmt::format("0 {} 1", uid));
    write_text("/proc/self/gid_map", fmt::format("0 {} 1", gid));
  }
  ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  return ::mount("tmpfs", place.c_str(), "tmpfs", 0, "size=4m,nr_inodes=400") == 0;
}

/// To the last byte and the last inode.
void fill(const std::filesystem::path& directory) {
  make_directory(directory);
  for (int i = 0;; ++i) {
    Fd fd(::open((directory / fmt::format("{}", i)).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) break;
    const std::string bytes(64 * 1024, 'x');
    while (::write(fd.get(), bytes.data(), bytes.size()) > 0) {
    }
  }
}

bool is_full(const std::filesystem::path& directory) {
  struct statvfs status{};
  return ::statvfs(directory.c_str(), &status) == 0 && status.f_bavail == 0 && status.f_favail == 0;
}

/// Runs `work` with a store on a full file system.
int on_full_disk(const std::filesystem::path& place, const std::function<void(const Store&)>& prepare,
                 const std::function<int(const Store&)>& work) {
  make_directory(place);
  return wait_for(fork_child([&] {
    if (!mount_small(place)) return not_allowed;
    auto store = Store::open(place / "store", Store::Access::create);
    prepare(store);
    fill(place / "everything else");
    if (!is_full(place)) return 2;
    return work(store);
  }));
}

TEST(FullDisk, GcFreesWhatNothingNeeds) {
  TemporaryDirectory temporary;
  const int status = on_full_disk(
      temporary.path() / "disk", [](const Store& store) { environment_of(store, "dead"); },
      [](const Store& store) {
        auto again = Store::open(store.root(), Store::Access::update);
        auto report = collect_garbage(again, {});
        if (report.bytes == 0) return 3;
        for (const char* name : {"blobs", "layers", "steps", "environments", "trash"}) {
          if (!names_in(store.root() / name).empty()) return 4;
        }
        return verify_store(store, {}).problems.empty() ? 0 : 5;
      });
  if (status == not_allowed) KARAPACE_SKIP_TEST("no file system can be mounted here");
  EXPECT_EQ(status, 0);
}

TEST(FullDisk, AnInstanceCanBeDestroyed) {
  TemporaryDirectory temporary;
  const int status = on_full_disk(
      temporary.path() / "disk",
      [](const Store& store) { open_instance(store, {environment_of(store, "kept").id, std::nullopt}); },
      [](const Store& store) {
        auto instance = instances(store).whole.at(0);
        if (!remove_instance(store, instance)) return 3;
        return instances(store).whole.empty() ? 0 : 4;
      });
  if (status == not_allowed) KARAPACE_SKIP_TEST("no file system can be mounted here");
  EXPECT_EQ(status, 0);
}

TEST(FullDisk, TheReserveIsMadeAgainWhenThereIsSpace) {
  TemporaryDirectory temporary;
  auto store = Store::open(temporary.path() / "store", Store::Access::create);
  const auto reserve = store.root() / "reserve";
  EXPECT_GE(std::filesystem::file_size(reserve), 64u * 1024);
  std::filesystem::remove(reserve);
  Store::open(store.root(), Store::Access::read_only);
  EXPECT_FALSE(std::filesystem::exists(reserve));
  Store::open(store.root(), Store::Access::update);
  EXPECT_TRUE(std::filesystem::exists(reserve));
}

}  // namespace
}  // namespace karapace::store
