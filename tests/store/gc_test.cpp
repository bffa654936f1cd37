// SPDX-License-Identifier: Apache-2.0
#include "store/gc.hpp"

#include <atomic>
#include <csignal>
#include <random>

#include <fmt/format.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/file_lock.hpp"
#include "store/environment.hpp"
#include "store/identifiers.hpp"
#include "store/instance.hpp"
#include "store/root.hpp"
#include "store/verify.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

class GcTest : public StoreTest {
 protected:
  GcReport collect(GcOptions options = {}) {
    options.threads = 2;
    return collect_garbage(store_, options);
  }
  std::size_t count(const char* directory) { return names_in(store_.root() / directory).size(); }
  void expect_empty() {
    for (const char* directory : {"steps", "layers", "blobs", "environments", "logs", "staging"}) {
      EXPECT_EQ(count(directory), 0u) << directory;
    }
  }
};

TEST_F(GcTest, WhatNoRootNeedsGoesAndTheRestStays) {
  auto kept = environment_of(store_, "kept");
  add_root(store_, root_of(kept, "kept"));
  environment_of(store_, "dead");
  write_file_atomically(store_.log_path(unpack_step_of("dead").key()), "log", Durable::no);
  write_file_atomically(store_.log_path(unpack_step_of("kept").key()), "log", Durable::no);
  auto report = collect();
  EXPECT_EQ(report.kept_steps, 4u);
  EXPECT_EQ(report.kept_environments, 1u);
  EXPECT_TRUE(find_environment(store_, kept.id));
  EXPECT_EQ(count("steps"), 4u);
  EXPECT_EQ(count("layers"), 1u);
  EXPECT_EQ(count("blobs"), 2u);
  EXPECT_EQ(count("environments"), 1u);
  EXPECT_EQ(count("logs"), 1u);
  EXPECT_EQ(count("staging"), 0u);
  EXPECT_TRUE(verify_store(store_, {}).problems.empty());
}

TEST_F(GcTest, ADryRunTellsWhatWouldGoAndItsSizeAndRemovesNothing) {
  environment_of(store_, "dead");  // a blob, its lock, and a layer with the blob's content
  auto report = collect({.keep = {}, .dry_run = DryRun::yes});
  EXPECT_EQ(count("steps"), 4u);
  EXPECT_EQ(count("layers"), 1u);
  std::uint64_t blobs = 0;
  for (const auto& garbage : report.garbage) blobs += garbage.kind == GarbageKind::blob ? garbage.bytes : 0;
  EXPECT_EQ(blobs, std::string("dead lock").size() + std::string("dead").size());
  auto real = collect();
  EXPECT_EQ(real.garbage.size(), report.garbage.size());
  EXPECT_EQ(real.bytes, report.bytes);
  expect_empty();
}

TEST_F(GcTest, ADryRunDecidesWhatARunDoesOfEveryKind) {
  auto kept = environment_of(store_, "kept");
  add_root(store_, root_of(kept, "kept"));
  environment_of(store_, "dead");
  write_file_atomically(store_.log_path(unpack_step_of("dead").key()), "log", Durable::no);
  for (const char* name : {"failed/half", "quarantine/old", "sysroots/gone", "toolchains/gone", "trash/left",
                           "fetch/killed", "links", "staging/left"})
    std::filesystem::create_directories(store_.root() / name);
  std::filesystem::create_symlink(store_.root() / "steps/gone", store_.root() / "links/gone");
  const auto planned = collect({.keep = {}, .dry_run = DryRun::yes});
  const auto done = collect();
  ASSERT_EQ(planned.garbage.size(), done.garbage.size());
  std::set<GarbageKind> kinds;
  for (std::size_t i = 0; i < done.garbage.size(); ++i) {
    EXPECT_EQ(text(planned.garbage[i].kind), text(done.garbage[i].kind));
    EXPECT_EQ(planned.garbage[i].name, done.garbage[i].name);
    EXPECT_EQ(planned.garbage[i].bytes, done.garbage[i].bytes);
    EXPECT_FALSE(planned.garbage[i].reason.empty());
    EXPECT_LT(planned.garbage[i].age, 100);
    kinds.insert(done.garbage[i].kind);
  }
  EXPECT_EQ(kinds.size(), 13u) << "all but files of graphs";
  EXPECT_EQ(planned.bytes, done.bytes);
  EXPECT_EQ(planned.kept_steps, done.kept_steps);
  ASSERT_EQ(done.roots.size(), 1u);
  EXPECT_EQ(done.roots[0].name, "kept");
  EXPECT_TRUE(done.roots[0].manifest_gone);
  EXPECT_TRUE(collect().garbage.empty());
}

TEST_F(GcTest, WhatTheseIdsCanNotRemoveStopsItBeforeAnythingIsRemoved) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files to others";
  environment_of(store_, "dead");
  auto layer = names_in(store_.root() / "layers").at(0);
  ASSERT_EQ(::chown((store_.root() / "layers" / layer / "tree/bin").c_str(), 33, 33), 0);
  auto child = fork_child([&] {
    if (::unshare(CLONE_NEWUSER) != 0) return 0;
    write_all(open_at(AT_FDCWD, "/proc/self/setgroups", O_WRONLY).get(), "deny", "setgroups");
    write_all(open_at(AT_FDCWD, "/proc/self/uid_map", O_WRONLY).get(), "0 0 1", "uid_map");
    write_all(open_at(AT_FDCWD, "/proc/self/gid_map", O_WRONLY).get(), "0 0 1", "gid_map");
    auto message = error_of([&] { collect_garbage(store_, {}); });
    return message.find("gc stopped: nothing was removed, as ") == 0 ? 0 : 2;
  });
  EXPECT_EQ(wait_for(child), 0);
  EXPECT_EQ(count("steps"), 4u);
  EXPECT_EQ(count("layers"), 1u);
  EXPECT_EQ(count("trash"), 0u);
  collect();
  expect_empty();
}

TEST_F(GcTest, AFileSharedWithALivingLayerFreesNothing) {
  auto kept = environment_of(store_, "kept");
  add_root(store_, root_of(kept, "kept"));
  fetch(store_, "dead");
  auto dead = unpack(store_, "dead").layer().layer;
  ::unlink((store_.layer_tree(dead) / "bin/file").c_str());
  ASSERT_EQ(
      ::link((store_.layer_tree(kept.layers[0]) / "bin/file").c_str(), (store_.layer_tree(dead) / "bin/file").c_str()),
      0);
  auto listing_size = std::filesystem::file_size(store_.listing_path(dead));
  for (const auto& garbage : collect().garbage) {
    if (garbage.kind != GarbageKind::layer) continue;
    EXPECT_EQ(garbage.bytes, listing_size);
  }
}

TEST_F(GcTest, EnvironmentsWithAnInstanceASessionOrTheCallersWordStay) {
  auto instance = environment_of(store_, "instance");
  auto session = environment_of(store_, "session");
  auto word = environment_of(store_, "word");
  environment_of(store_, "dead");
  open_instance(store_, {instance.id, std::nullopt});
  auto lock = use_environment(store_, session.id);
  collect({.keep = {word.id}});
  EXPECT_EQ(count("environments"), 3u);
  EXPECT_EQ(count("steps"), 12u);
  EXPECT_TRUE(verify_store(store_, {}).problems.empty());
}

TEST_F(GcTest, WhatARunningStepReadsAndMadeStays) {
  fetch(store_, "input");
  auto step = unpack_step_of("input");
  auto staging = store_.stage(step);
  write_file_atomically(staging.path() / "file", "made", Durable::no);
  store_.add_blob(BlobId(blake3("made")), staging.path() / "file");
  collect();
  EXPECT_TRUE(store_.record(fetch_step_of("input").key()));
  EXPECT_TRUE(store_.has_blob(BlobId(blake3("input"))));
  EXPECT_TRUE(store_.has_blob(BlobId(blake3("made"))));
}

TEST_F(GcTest, WhatCrashedProcessesLeftGoes) {
  pid_t child = fork_child([&] {
    auto staging = store_.stage();
    write_file_atomically(staging.path() / "half", "x", Durable::no);
    write_file_atomically(store_.staging_path() / "unfinished", "x", Durable::no);
    ::raise(SIGKILL);
    return 0;
  });
  EXPECT_EQ(wait_for(child), -1);
  EXPECT_EQ(count("staging"), 2u);
  auto mine = store_.stage();
  collect();
  EXPECT_EQ(names_in(store_.staging_path()), std::vector<std::string>{mine.path().filename().native()});
}

TEST_F(GcTest, StatesOfFailedStepsStayForAWeekWhileAProjectListsTheStep) {
  auto environment = environment_of(store_, "kept");
  auto root = root_of(environment, "kept");
  for (const char* word : {"recent", "old", "looked at"}) root.steps.push_back(StepKey(blake3(word)));
  add_root(store_, root);
  auto state_of = [&](const char* word) { return store_.failed_path() / StepKey(blake3(word)).hex(); };
  auto keep_state = [&](const char* word, std::chrono::hours age) {
    std::filesystem::create_directories(state_of(word) / "upper");
    write_file_atomically(state_of(word) / "plan.json", "{}", Durable::no);
    write_file_atomically(state_of(word) / "upper/written", word, Durable::no);
    std::filesystem::last_write_time(state_of(word), std::filesystem::file_time_type::clock::now() - age);
  };
  keep_state("recent", longest_failed_state - std::chrono::hours(1));
  keep_state("old", longest_failed_state + std::chrono::hours(1));
  keep_state("looked at", longest_failed_state + std::chrono::hours(1));
  keep_state("unlisted", std::chrono::hours(0));
  std::filesystem::create_directories(store_.failed_path() / "half a state");
  auto session = FileLock::acquire_existing(state_of("looked at") / "plan.json", LOCK_SH);

  auto planned = collect({.keep = {}, .dry_run = DryRun::yes});
  EXPECT_EQ(count("failed"), 5u);
  ASSERT_EQ(planned.garbage.size(), 3u);
  for (const auto& garbage : planned.garbage) EXPECT_EQ(garbage.kind, GarbageKind::failed_state);
  auto size_of_both = 2 * std::string("{}").size() + std::string("oldunlisted").size();
  EXPECT_EQ(planned.bytes, size_of_both);

  EXPECT_EQ(collect().bytes, size_of_both);
  EXPECT_EQ(count("failed"), 2u);
  EXPECT_TRUE(std::filesystem::exists(state_of("recent")));
  session.reset();
  collect();
  EXPECT_EQ(count("failed"), 1u);
  remove_root(store_, root.manifest);
  collect();
  EXPECT_EQ(count("failed"), 0u);
}

TEST_F(GcTest, LockFilesThatNobodyHoldsGo) {
  {
    auto lock = store_.lock_output("free");
  }
  auto held = store_.lock_output("held");
  collect();
  EXPECT_EQ(names_in(store_.root() / "locks"), (std::vector<std::string>{"contents", "gc", "held"}));
}

TEST_F(GcTest, WhatAKilledTransferLeftGoes) {
  for (const char* name : {"killed", "running"}) {
    std::filesystem::create_directories(store_.root() / "fetch" / name);
    Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    auto path = store_.root() / "fetch" / name / "socket";
    ASSERT_LT(path.native().copy(address.sun_path, sizeof address.sun_path), sizeof address.sun_path);
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  auto running = FileLock::acquire_existing(store_.root() / "fetch" / "running", LOCK_EX);
  ASSERT_TRUE(running);
  collect();
  EXPECT_EQ(names_in(store_.root() / "fetch"), std::vector<std::string>{"running"});
}

TEST_F(GcTest, ADamagedRecordStopsItBeforeAnythingIsRemoved) {
  auto environment = environment_of(store_, "a");
  auto root = root_of(environment, "a");
  add_root(store_, root);
  environment_of(store_, "dead");
  auto root_file = store_.roots_path() / names_in(store_.roots_path())[0];
  for (const auto& path : {store_.step_path(environment.step), store_.environment_path(environment.id), root_file}) {
    flip_byte(path);
    auto message = error_of([&] { collect(); });
    EXPECT_EQ(message.find("gc stopped: "), 0u) << message;
    EXPECT_EQ(count("steps"), 8u) << message;
    EXPECT_EQ(count("environments"), 2u) << message;
    flip_byte(path);
  }
  write_file_atomically(store_.root() / "steps/stray", "", Durable::no);
  EXPECT_EQ(
      error_of([&] { collect(); }),
      fmt::format("gc stopped: \"{}/steps/stray\" does not belong into a store; run `karapace verify-store --repair`",
                  store_.root().native()));
}

TEST_F(GcTest, BuildersThatRaceWithItNeverSeeHalfOfAnything) {
  std::vector<pid_t> builders;
  for (int builder = 0; builder < 4; ++builder) {
    builders.push_back(fork_child([&, builder] {
      std::mt19937 random(static_cast<unsigned>(builder));
      int built = 0;
      // How many are collected between two calls depends on the machine.
      for (int round = 0; round < 100 || (built <= 20 && round < 3000); ++round) {
        try {
          auto environment = environment_of(store_, fmt::format("{}", random() % 6));
          auto lock = use_environment(store_, environment.id);
          // What a session holds must be whole.
          auto layer = environment.layers[0];
          if (scan_path(store_.layer_tree(layer)).text() != store_.listing(layer).text()) return 3;
          ++built;
        } catch (const StepError&) {
          // "run ninja again": an input was collected before the step began.
        } catch (const NotFoundError&) {
          // Collected between building and using it.
        }
      }
      return built > 20 ? 0 : 4;
    }));
  }
  pid_t collector = fork_child([&] {
    for (;;) collect();
    return 0;
  });
  for (pid_t builder : builders) EXPECT_EQ(wait_for(builder), 0);
  ::kill(collector, SIGKILL);
  wait_for(collector);
  auto report = verify_store(store_, {});
  for (const auto& problem : report.problems) ADD_FAILURE() << problem.object << ": " << problem.reason;
  collect();
  expect_empty();
}

TEST_F(GcTest, ARegisteredBuildIsNeverDisturbed) {
  for (int i = 0; i < 6; ++i) {
    auto name = fmt::format("{}", i);
    auto environment = environment_of(store_, name);
    add_root(store_, root_of(environment, name));
  }
  collect();
  pid_t collector = fork_child([&] {
    for (;;) collect();
    return 0;
  });
  std::vector<pid_t> builders;
  for (int builder = 0; builder < 3; ++builder) {
    builders.push_back(fork_child([&, builder] {
      for (int round = 0; round < 25; ++round) {
        auto name = fmt::format("new {} {}", builder, round);
        auto step = fetch_step_of(name + " lock");
        Environment planned{EnvironmentId(blake3(name + " lock")),
                            Step::normalised(StepKind::environment, {{"lock", blake3(name + " lock").hex()}},
                                             {unpack_step_of(name).key(), step.key()})
                                .key(),
                            {},
                            BlobId(blake3(name + " lock")),
                            {}};
        add_root(store_, root_of(planned, name));
        environment_of(store_, name);  // throws when gc took something away
      }
      return 0;
    }));
  }
  for (pid_t builder : builders) EXPECT_EQ(wait_for(builder), 0);
  ::kill(collector, SIGKILL);
  wait_for(collector);
  EXPECT_EQ(environments(store_).size(), 81u);
  for (const auto& problem : verify_store(store_, {}).problems)
    ADD_FAILURE() << problem.object << ": " << problem.reason;
}

}  // namespace
}  // namespace karapace::store
