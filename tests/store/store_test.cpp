// SPDX-License-Identifier: Apache-2.0
#include "store/store.hpp"

#include <csignal>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "store/environment.hpp"
#include "store/gc.hpp"
#include "store/instance.hpp"
#include "store/reference.hpp"
#include "store/root.hpp"
#include "store/verify.hpp"
#include "tests/skipping.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

TEST_F(StoreTest, ALayerThatWasAddedIsFoundWithItsListing) {
  fetch(store_, "hello");
  auto id = unpack(store_, "hello").layer().layer;
  EXPECT_TRUE(store_.has_layer(id));
  EXPECT_EQ(store_.listing(id).entries(), scan_path(store_.layer_tree(id)).entries());
  EXPECT_EQ(read_file(store_.layer_tree(id) / "bin/file"), "hello");
  EXPECT_TRUE(names_in(store_.staging_path()).empty());
}

TEST_F(StoreTest, AnExistingLayerIsKeptAndTheTreeLeftWhereItIs) {
  fetch(store_, "hello");
  auto id = unpack(store_, "hello").layer().layer;
  auto staging = store_.stage();
  std::filesystem::copy(store_.layer_tree(id), staging.path() / "tree", std::filesystem::copy_options::recursive);
  EXPECT_EQ(store_.add_layer(staging.path() / "tree", store_.listing(id), staging), id);
  EXPECT_TRUE(std::filesystem::exists(staging.path() / "tree/bin/file"));
}

TEST_F(StoreTest, ARecordComesBackAsItWasWritten) {
  auto record = fetch(store_, "content");
  auto found = store_.record(record.step.key());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, record.step);
  EXPECT_EQ(found->output, record.output);
  EXPECT_EQ(read_file(store_.step_path(record.step.key())), record.text());
  EXPECT_EQ(read_all(store_.open_blob(record.blob().blob).get(), "blob"), "content");
}

TEST_F(StoreTest, ARecordOfSomethingMissingIsRefused) {
  Step step = fetch_step_of("x");
  EXPECT_EQ(error_of([&] { store_.add_record({step, BlobOutput{}}); }),
            fmt::format("fetch step {}: its output was removed from the store meanwhile; run ninja again",
                        step.key().short_hex()));
  EXPECT_FALSE(store_.record(step.key()));
}

TEST_F(StoreTest, AStepWhoseInputIsMissingDoesNotBegin) {
  EXPECT_EQ(error_of([&] { store_.stage(unpack_step_of("x")); }),
            fmt::format("the input step {} has no record in the store \"{}\"; run ninja again",
                        fetch_step_of("x").key().short_hex(), store_.root().native()));
}

TEST_F(StoreTest, OneChangedByteInARecordIsNoticed) {
  auto key = fetch(store_, "x").step.key();
  flip_byte(store_.step_path(key));
  EXPECT_NE(error_of([&] { store_.record(key); }).find("is not a step record (its check differs)"), std::string::npos);
}

TEST(OpenStoreTest, ANewStoreIsPrivateAndComplete) {
  TemporaryDirectory temporary;
  auto root = temporary.path() / "a/b/store";
  Store::open(root, Store::Access::create);
  struct stat status{};
  ::stat(root.c_str(), &status);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
  EXPECT_TRUE(read_file(root / "version").starts_with("karapace store 2\n{\n"));
  EXPECT_EQ(Store::open(root / "../store/", Store::Access::read_only).root(), root);
}

TEST(OpenStoreTest, ManyProcessesMakeOneStore) {
  TemporaryDirectory temporary;
  std::vector<pid_t> children;
  for (int i = 0; i < 16; ++i) {
    children.push_back(fork_child([&] {
      fetch(Store::open(temporary.path() / "store", Store::Access::create), "same");
      return 0;
    }));
  }
  for (pid_t child : children) EXPECT_EQ(wait_for(child), 0);
}

TEST(OpenStoreTest, ANewerVersionIsRefusedWithBothVersions) {
  TemporaryDirectory temporary;
  auto root = temporary.path() / "store";
  Store::open(root, Store::Access::create);
  write_file_atomically(root / "version", "karapace store 3\n", Durable::no);
  for (auto access : {Store::Access::read_only, Store::Access::update, Store::Access::create}) {
    EXPECT_EQ(
        error_of([&] { Store::open(root, access); }),
        fmt::format("the store \"{}\" is of version 3, and this karapace reads version 2; use a newer karapace, or "
                    "another store with --store",
                    root.native()));
  }
}

TEST(OpenStoreTest, SomebodysDirectoryIsNotMadeAStore) {
  TemporaryDirectory temporary;
  write_file_atomically(temporary.path() / "thesis.tex", "", Durable::no);
  EXPECT_EQ(
      error_of([&] { Store::open(temporary.path(), Store::Access::create); }),
      fmt::format("\"{}\" is not a karapace store: it holds \"thesis.tex\"; choose an empty or new directory with "
                  "--store",
                  temporary.path().native()));
  EXPECT_EQ(names_in(temporary.path()).size(), 1u);
}

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status{};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

TEST(OpenStoreTest, AnEmptyDirectoryThatIsMadeAStoreIsClosedToOthers) {
  TemporaryDirectory temporary;
  auto root = temporary.path() / "store";
  ::mkdir(root.c_str(), 0755);
  ::chmod(root.c_str(), 02755);
  Store::open(root, Store::Access::create);
  EXPECT_EQ(mode_of(root), 0700u);
}

TEST(OpenStoreTest, AStoreThatOthersCanReadIsRefusedWithTheRemedy) {
  TemporaryDirectory temporary;
  auto root = temporary.path() / "store";
  Store::open(root, Store::Access::create);
  for (mode_t mode : {0755u, 0750u, 0701u}) {
    ::chmod(root.c_str(), mode);
    for (auto access : {Store::Access::read_only, Store::Access::update, Store::Access::create}) {
      EXPECT_EQ(error_of([&] { Store::open(root, access); }),
                fmt::format("the store \"{0}\" is open to other users (mode {1:04o}), and may hold set-id files: run "
                            "`chmod 700 {0}`",
                            root.native(), mode));
    }
    EXPECT_EQ(mode_of(root), mode);
  }
  ::chmod(root.c_str(), 0700);
  Store::open(root, Store::Access::update);
}

TEST(OpenStoreTest, TheModesOfAStoresPartsDoNotDependOnTheUmask) {
  TemporaryDirectory temporary;
  auto before = ::umask(0277);
  auto store = Store::open(temporary.path() / "store", Store::Access::create);
  ::umask(before);
  EXPECT_EQ(mode_of(store.root()), 0700u);
  EXPECT_EQ(mode_of(store.staging_path()), 0755u);
}

TEST(OpenStoreTest, AStoreOfAnotherUserIsRefusedByRootAndByOthers) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a store of another user";
  TemporaryDirectory temporary;
  auto root = temporary.path() / "store";
  Store::open(root, Store::Access::create);
  for (const auto& path : {root, root / "lock"}) ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
  for (auto access : {Store::Access::read_only, Store::Access::update, Store::Access::create}) {
    EXPECT_THAT(error_of([&] { Store::open(root, access); }),
                testing::StartsWith(
                    fmt::format("the store \"{}\" belongs to the user 12345 and this runs as 0: ", root.native())));
  }
  ASSERT_EQ(::chmod(temporary.path().c_str(), 0755), 0);
  EXPECT_EQ(wait_for(fork_child([&] {
              if (::setgid(12345) != 0 || ::setuid(12345) != 0) return 1;
              Store::open(root, Store::Access::update);
              return 0;
            })),
            0);
  EXPECT_EQ(wait_for(fork_child([&] {
              if (::setgid(12346) != 0 || ::setuid(12346) != 0) return 1;
              auto message = error_of([&] { Store::open(root, Store::Access::read_only); });
              return message.find("belongs to the user 12345 and this runs as 12346") != message.npos ? 0 : 2;
            })),
            0);
}

TEST(OpenStoreTest, AStoreIsItsOwnersInsideAUserNamespaceOfItsOwnerToo) {
  TemporaryDirectory temporary;
  auto root = temporary.path() / "store";
  Store::open(root, Store::Access::create);
  auto uid = ::geteuid();
  for (unsigned inside : {0u, 4711u}) {
    int status = wait_for(fork_child([&] {
      if (::unshare(CLONE_NEWUSER) != 0) return 77;
      auto text = fmt::format("{} {} 1", inside, uid);
      write_all(open_at(AT_FDCWD, "/proc/self/uid_map", O_WRONLY).get(), text, "the map");
      Store::open(root, Store::Access::create);
      return 0;
    }));
    if (status == 77) KARAPACE_SKIP_TEST("no user namespaces here");
    EXPECT_EQ(status, 0) << inside;
  }
}

TEST(OpenStoreTest, LinksInPlaceOfAStoresPartsAreRefused) {
  TemporaryDirectory temporary;
  auto root = temporary.path() / "store";
  auto elsewhere = temporary.path() / "elsewhere";
  for (const char* name : {"staging", "instances", "quarantine", "version"}) {
    remove_tree(root);
    remove_tree(elsewhere);
    Store::open(root, Store::Access::create);
    if (std::filesystem::exists(root / name)) {
      std::filesystem::rename(root / name, elsewhere);
    } else {
      std::filesystem::create_directory(elsewhere);
    }
    std::filesystem::create_symlink(elsewhere, root / name);
    for (auto access : {Store::Access::read_only, Store::Access::update, Store::Access::create}) {
      EXPECT_THAT(error_of([&] { Store::open(root, access); }),
                  testing::AnyOf(testing::HasSubstr("is not a directory, as it must be in a store"),
                                 testing::HasSubstr("its file \"version\" is damaged")))
          << name;
    }
  }
}

TEST(OpenStoreTest, AStoreThatLostAPartIsNotTakenForOneThatHadNothingThere) {
  for (const char* name : {"steps", "roots", "instances"}) {
    TemporaryDirectory temporary;
    const auto root = temporary.path() / "store";
    Store::open(root, Store::Access::create);
    std::filesystem::remove(root / name);
    for (auto access : {Store::Access::read_only, Store::Access::update, Store::Access::create}) {
      EXPECT_THAT(error_of([&] { Store::open(root, access); }),
                  testing::HasSubstr(fmt::format("has lost its directory \"{}\"", name)));
    }
    std::filesystem::create_directory(root / name);
    EXPECT_NO_THROW(Store::open(root, Store::Access::update));
  }
}

TEST(OpenStoreTest, AStoreThatLostItsVersionIsToldApartFromSomebodysDirectory) {
  TemporaryDirectory temporary;
  const auto root = temporary.path() / "store";
  Store::open(root, Store::Access::create);
  std::filesystem::remove(root / "version");
  std::ofstream(root / "roots.index") << "text";
  for (auto access : {Store::Access::read_only, Store::Access::create})
    EXPECT_THAT(error_of([&] { Store::open(root, access); }), testing::HasSubstr("has lost its file \"version\""));
}

TEST(OpenStoreTest, AVersionThatIsAPipeIsRefusedAndNotWaitedFor) {
  TemporaryDirectory temporary;
  auto root = temporary.path() / "store";
  Store::open(root, Store::Access::create);
  ::unlink((root / "version").c_str());
  ASSERT_EQ(::mkfifo((root / "version").c_str(), 0600), 0);
  EXPECT_THAT(error_of([&] { Store::open(root, Store::Access::update); }),
              testing::HasSubstr("its file \"version\" is damaged"));
}

TEST(OpenStoreTest, AMissingStoreIsNotFoundUnlessItShallBeMade) {
  TemporaryDirectory temporary;
  for (auto access : {Store::Access::read_only, Store::Access::update}) {
    EXPECT_THROW(Store::open(temporary.path() / "store", access), NotFoundError);
  }
  EXPECT_FALSE(std::filesystem::exists(temporary.path() / "store"));
}

/// Its own mounts, for an ordinary user inside a user namespace of its own.
bool enter_private_mounts() {
  if (::unshare(CLONE_NEWNS) == 0) return true;
  auto uid = ::geteuid();
  auto gid = ::getegid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  auto write = [](const char* path, const std::string& text) {
    write_all(open_at(AT_FDCWD, path, O_WRONLY).get(), text, path);
  };
  write("/proc/self/setgroups", "deny");
  write("/proc/self/uid_map", fmt::format("0 {} 1", uid));
  write("/proc/self/gid_map", fmt::format("0 {} 1", gid));
  return true;
}

/// Runs `child` with its own mounts; 77 when that is not allowed here.
int in_private_mounts(const std::function<int()>& child) {
  return wait_for(fork_child([&] {
    if (!enter_private_mounts() || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 77;
    return child();
  }));
}

TEST(OpenStoreTest, AReadOnlyStoreCanBeReadAndRefusesWriting) {
  TemporaryDirectory temporary;
  auto root = temporary.path() / "store";
  auto writable = Store::open(root, Store::Access::create);
  auto environment = environment_of(writable, "hello");
  add_root(writable, root_of(environment, "hello"));
  EXPECT_TRUE(writable.writable());
  Reference used{environment.id, root_of(environment, "hello")};
  Reference unused{environment.id, std::nullopt};
  open_instance(writable, used);
  auto maker = ::geteuid();
  int status = in_private_mounts([&] {
    if (::mount(root.c_str(), root.c_str(), nullptr, MS_BIND, nullptr) != 0) return 77;
    if (::mount("", root.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0) return 77;
    auto store = Store::open(root, Store::Access::read_only);
    auto lock = use_environment(store, environment.id);
    bool read = environments(store).size() == 1 && roots(store).size() == 1 && instances(store).whole.size() == 1 &&
                store.listing(environment.layers[0]).entries().size() == 3 &&
                resolve_reference(store, "hello", "/").environment == environment.id;
    if (!read) return 1;
    // A user namespace shows other owners than the ones that were listed outside of it.
    if (::geteuid() == maker && !verify_store(store, {}).problems.empty()) return 2;
    if (store.writable()) return 4;
    auto instance = find_instance(store, used);
    if (!instance || find_instance(store, unused) || !use_instance(*instance)) return 5;
    GcOptions look;
    look.dry_run = DryRun::yes;
    if (!collect_garbage(store, look).garbage.empty()) return 6;
    auto message = error_of([&] { Store::open(root, Store::Access::create); });
    if (message.find("is not writable; make it so, or choose another with --store: Read-only file system") ==
        message.npos) {
      std::fprintf(stderr, "%s\n", message.c_str());
      return 3;
    }
    return 0;
  });
  if (status == 77) KARAPACE_SKIP_TEST("no private mounts here");
  EXPECT_EQ(status, 0);
}

TEST(OpenStoreTest, AStoreWhoseDirectoriesForbidWritingIsReadByItsOwner) {
  TemporaryDirectory temporary;
  ::chmod(temporary.path().c_str(), 0755);
  auto root = temporary.path() / "store";
  // Root may write whatever the modes say.
  auto owner = ::geteuid() == 0 ? 12345 : ::geteuid();
  if (::geteuid() == 0) {
    ::mkdir(root.c_str(), 0700);
    ASSERT_EQ(::chown(root.c_str(), owner, owner), 0);
  }
  EXPECT_EQ(wait_for(fork_child([&] {
              if (::geteuid() == 0 && (::setgid(owner) != 0 || ::setuid(owner) != 0)) return 1;
              auto made = Store::open(root, Store::Access::create);
              auto environment = environment_of(made, "hello");
              add_root(made, root_of(environment, "hello"));
              auto instance = open_instance(made, {environment.id, std::nullopt});
              for (const char* name : {"instances", "locks", "staging", "environments", "roots", "."})
                ::chmod((root / name).c_str(), name[0] == '.' ? 0500 : 0555);
              ::chmod((root / "locks/contents").c_str(), 0400);
              auto store = Store::open(root, Store::Access::read_only);
              if (store.writable()) return 2;
              auto lock = use_environment(store, environment.id);
              auto found = find_instance(store, {environment.id, std::nullopt});
              if (!found || !use_instance(*found)) return 3;
              if (!verify_store(store, {}).problems.empty()) return 4;
              GcOptions look;
              look.dry_run = DryRun::yes;
              collect_garbage(store, look);
              auto message = error_of([&] { Store::open(root, Store::Access::update); });
              return message.find("is not writable; make it so") != message.npos ? 0 : 5;
            })),
            0);
}

TEST(OpenStoreTest, AFullDiskIsToldAndNothingFinishedIsLost) {
  TemporaryDirectory temporary;
  int status = in_private_mounts([&] {
    if (::mount("tmpfs", temporary.path().c_str(), "tmpfs", 0, "size=400k") != 0) return 77;
    auto store = Store::open(temporary.path() / "store", Store::Access::create);
    std::string message;
    int finished = 0;
    try {
      for (; finished < 1000; ++finished) {
        auto content = fmt::format("{:*<5000}", finished);
        fetch(store, content);
        unpack(store, content);
      }
    } catch (const StoreError& error) {
      message = error.what();
    }
    if (finished < 5 || message.find("No space left on device") == message.npos) return 1;
    std::fprintf(stderr, "%d steps, then: %s\n", finished, message.c_str());
    for (int i = 0; i < finished; ++i) {
      if (!store.record(unpack_step_of(fmt::format("{:*<5000}", i)).key())) return 2;
    }
    if (!names_in(store.staging_path()).empty()) return 3;
    return verify_store(store, {}).problems.empty() ? 0 : 4;
  });
  if (status == 77) KARAPACE_SKIP_TEST("no private mounts here");
  EXPECT_EQ(status, 0);
}

TEST_F(StoreTest, AKillAtAnyMomentLeavesOnlyWholeThings) {
  for (unsigned round = 0; round < 25; ++round) {
    int begun[2];
    ASSERT_EQ(::pipe(begun), 0);
    pid_t child = fork_child([&] {
      for (unsigned i = 0;; ++i) {
        environment_of(store_, fmt::format("{} {}", round, i));
        if (i == 0 && ::write(begun[1], "", 1) != 1) return 1;
      }
      return 0;
    });
    char byte = 0;
    EXPECT_EQ(::read(begun[0], &byte, 1), 1);  // a busy machine takes its time
    ::close(begun[0]);
    ::close(begun[1]);
    ::usleep(1777 * round);
    ::kill(child, SIGKILL);
    wait_for(child);
  }
  auto report = verify_store(store_, {.threads = 2});
  EXPECT_GT(report.checked, 25u);
  for (const auto& problem : report.problems) ADD_FAILURE() << problem.object << ": " << problem.reason;
}

TEST_F(StoreTest, SixteenProcessesAddTheSameAndDifferentThingsAtOnce) {
  std::vector<pid_t> children;
  for (int process = 0; process < 16; ++process) {
    children.push_back(fork_child([&, process] {
      for (int i = 0; i < 12; ++i) {
        environment_of(store_, fmt::format("same {}", i));
        environment_of(store_, fmt::format("other {} {}", process, i / 4));
      }
      return 0;
    }));
  }
  for (pid_t child : children) EXPECT_EQ(wait_for(child), 0);
  EXPECT_EQ(environments(store_).size(), 12u + 16u * 3u);
  EXPECT_TRUE(verify_store(store_, {.threads = 2}).problems.empty());
  EXPECT_TRUE(names_in(store_.staging_path()).empty());
}

}  // namespace
}  // namespace karapace::store
