// SPDX-License-Identifier: Apache-2.0
#include "release/sync.hpp"

#include <atomic>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "release/unfinished.hpp"
#include "release/upkeep.hpp"
#include "sync_fixture.hpp"

namespace karapace::release {
namespace {

struct Sync : SyncTest {};

TEST_F(Sync, ANewHostGetsEverythingAndThenNothing) {
  install_of("1.0.0", "one");
  install_of("1.0.0", "two");
  install_of("1.1.0-rc1", "three");
  auto& host = hosts->add("node1");
  host.start();
  const auto first = sync_to({&host});
  ASSERT_EQ(first[0].failure, "");
  EXPECT_THAT(first[0].versions, ElementsAre("1.0.0+1", "1.0.0+2", "1.1.0-rc1+1"));
  EXPECT_THAT(first[0].entries, SizeIs(4));
  expect_equal(host);
  const auto second = sync_to({&host});
  EXPECT_TRUE(second[0].nothing_to_do()) << second[0].failure;
  // What comes later comes with its own id, and the links follow.
  install_of("1.1.0", "four");
  choose_link(source(), "stable", "1.0.0", {});
  EXPECT_THAT(sync_to({&host})[0].versions, ElementsAre("1.1.0+1"));
  expect_equal(host);
  EXPECT_EQ(at(host).wishes(), source().wishes());
}

TEST_F(Sync, ADryRunBringsNothing) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  const auto report = sync_to({&host}, {}, SyncMode::dry_run)[0];
  EXPECT_EQ(report.failure, "");
  EXPECT_THAT(report.versions, ElementsAre("1.0.0+1"));
  EXPECT_TRUE(fs::is_empty(host.directory()));
}

TEST_F(Sync, AHostWithSomeVersionsHasNoLinkThatLeadsNowhere) {
  install_of("1.0.0", "one");
  install_of("1.1.0", "two");
  auto& host = hosts->add("node1");
  host.start();
  const auto report = sync_to({&host}, {"1.0.0+1"})[0];
  EXPECT_EQ(report.failure, "");
  EXPECT_THAT(at(host).versions(), ElementsAre("1.0.0+1"));
  EXPECT_THAT(report.left_out, ElementsAre("versions/1.1", "versions/1.1.0"));
  // What comes of itself comes of what the host has.
  for (const auto* link : {"1", "1.0", "1.0.0", "latest", "stable"})
    EXPECT_EQ(at(host).links()[link], "1.0.0+1") << link;
  EXPECT_THAT(misfits(at(host)), IsEmpty());
}

TEST_F(Sync, NothingInstalledIsAnErrorAndNoSuccess) {
  Destination::create(destination_);
  auto& host = hosts->add("node1");
  EXPECT_THAT(error_of([&] { sync_to({&host}); }), HasSubstr("nothing is installed"));
}

TEST_F(Sync, AHostThatDiffersIsToldAndLeftAsItIs) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  const auto entry = "app/store/" + source().document("1.0.0+1").packages[1].entry;
  const auto file = host.directory() / entry / "lib/libfoo.so.1.0";
  fs::permissions(file.parent_path(), fs::perms::owner_all);
  write_file_atomically(file, "changed", Durable::no, 0444);
  install_of("1.0.0", "two");
  const auto report = sync_to({&host})[0];
  EXPECT_THAT(report.failure, HasSubstr("node1: "));
  EXPECT_THAT(report.failure, HasSubstr(source().document("1.0.0+1").packages[1].entry));
  EXPECT_THAT(at(host).versions(), ElementsAre("1.0.0+1"));
  EXPECT_EQ(read(file), "changed");
}

TEST_F(Sync, AnotherVersionOfTheSameNameIsToldAndLeftAsItIs) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  const auto other = host.directory() / "app/versions/1.0.0+1";
  fs::create_directories(other);
  write_file_atomically(other / "release.json", "{}", Durable::no);
  EXPECT_THAT(sync_to({&host})[0].failure, HasSubstr("node1: its versions/1.0.0+1 is another than here"));
}

TEST_F(Sync, AnotherVersionThatComesMeanwhileIsToldAndNoLinkIsChanged) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  install_of("1.1.0", "two");
  const auto other = host.directory() / "app/versions/1.1.0+1";
  after_bringing(fmt::format("mkdir -p '{0}' && echo other >'{0}/release.json'", other.native()));
  EXPECT_THAT(sync_to({&host})[0].failure, HasSubstr("node1: its versions/1.1.0+1 is another than here"));
  EXPECT_EQ(read(other / "release.json"), "other\n");
  EXPECT_EQ(at(host).links()["stable"], "1.0.0+1");
}

TEST_F(Sync, TheHostsOwnLockIsWaitedFor) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  install_of("1.1.0", "two");
  std::optional<DestinationLock> lock(at(host).lock({}, {}));
  std::atomic<bool> ended = false;
  std::string failure = "?";
  std::jthread syncing([&] {
    failure = sync_to({&host})[0].failure;
    ended = true;
  });
  while (incoming(host).empty() && !ended) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_FALSE(ended);
  EXPECT_THAT(at(host).versions(), ElementsAre("1.0.0+1"));
  lock->renew();
  lock.reset();
  syncing.join();
  EXPECT_EQ(failure, "");
  expect_equal(host);
  // It is free again, and nobody is waited for.
  at(host).lock({.with_silence = std::chrono::seconds(60), .in_all = std::chrono::seconds(5)}, {}).renew();
}

TEST_F(Sync, TwoNamesOfOneDestinationGetAllSideBySide) {
  install_of("1.0.0", "one");
  install_of("1.1.0", "two");
  auto& host = hosts->add("node1");
  host.start();
  const SyncRequest request{.hosts = {{"a", "node1"}, {"b", fmt::format("{}@node1", ::getpwuid(::getuid())->pw_name)}},
                            .versions = {}};
  for (const auto& report : sync(source(), request, [](const auto&, const auto&) {})) EXPECT_EQ(report.failure, "");
  expect_equal(host);
  EXPECT_THAT(incoming(host), IsEmpty());
}

TEST_F(Sync, WhatAKilledRunBroughtIsNotBroughtAgainAndNotLeft) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  after_bringing("exit 9");
  EXPECT_THAT(sync_to({&host})[0].failure, HasSubstr("rsync ended with 9"));
  ASSERT_THAT(incoming(host), SizeIs(1));
  // As if its process were gone: one that began at another time had this id.
  const auto before = incoming(host)[0];
  const auto gone = own(host) / fmt::format(".new-{}1-0-sync", own_mark());
  fs::rename(before, gone);
  fs::copy(gone, own(host) / fmt::format(".new-{}2-0-sync", own_mark()),
           fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  const auto file = "store/" + source().document("1.0.0+1").packages[0].entry + "/bin/app";
  struct stat brought{}, placed{};
  ASSERT_EQ(::stat((gone / file).c_str(), &brought), 0);
  after_bringing(":");
  EXPECT_EQ(sync_to({&host})[0].failure, "");
  ASSERT_EQ(::stat((host.directory() / "app" / file).c_str(), &placed), 0);
  EXPECT_EQ(brought.st_ino, placed.st_ino);
  EXPECT_THAT(incoming(host), IsEmpty());
  expect_equal(host);
}

TEST_F(Sync, WhatAKilledRunBroughtIsComparedByContent) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  after_bringing("exit 9");
  sync_to({&host});
  ASSERT_THAT(incoming(host), SizeIs(1));
  const auto gone = own(host) / fmt::format(".new-{}1-0-sync", own_mark());
  fs::rename(incoming(host)[0], gone);
  store::flip_byte(gone / "store" / source().document("1.0.0+1").packages[0].entry / "bin/app");
  after_bringing(":");
  EXPECT_EQ(sync_to({&host})[0].failure, "");
  expect_equal(host);
}

TEST_F(Sync, DamageHereGoesToNoHost) {
  install_of("1.0.0", "one");
  auto& first = hosts->add("node1");
  auto& second = hosts->add("node2");
  first.start();
  second.start();
  const auto entry = "store/" + source().document("1.0.0+1").packages[0].entry;
  store::flip_byte(destination_ / entry / "bin/app");
  for (const auto& report : sync_to({&first, &second}))
    EXPECT_THAT(report.failure, AllOf(HasSubstr(entry), HasSubstr("bin/app"), HasSubstr("content")));
  for (const auto* host : {&first, &second}) EXPECT_THAT(incoming(*host), IsEmpty());
  store::flip_byte(destination_ / entry / "bin/app");
  EXPECT_EQ(sync_to({&first})[0].failure, "");
  const auto failure_of = [&](const SshHost& host) -> std::string {
    try {
      return sync_to({&host})[0].failure;
    } catch (const Error& error) {
      return error.what();
    }
  };
  fs::permissions(destination_ / entry / "bin/app", fs::perms::group_write, fs::perm_options::add);
  EXPECT_THAT(sync_to({&first})[0].failure, AllOf(HasSubstr("here is not what was installed"), HasSubstr("mode")));
  fs::permissions(destination_ / entry / "bin/app", fs::perms::group_write, fs::perm_options::remove);
  const auto record = ".karapace/installed/1.0.0+1", lock = ".karapace/locks/";
  for (const auto& name : {std::string(record), lock + source().document("1.0.0+1").lock.hex()}) {
    store::flip_byte(destination_ / name);
    fs::remove(first.directory() / "app" / name);
    for (const auto* host : {&first, &second}) {
      EXPECT_THAT(failure_of(*host), HasSubstr("is not what was installed")) << name;
    }
    EXPECT_FALSE(fs::exists(first.directory() / "app" / name));
    store::flip_byte(destination_ / name);
  }
}

TEST_F(Sync, APackageOfAHostWithoutListingIsComparedByContent) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  install_of("1.1.0", "two");
  const auto entry = source().document("1.0.0+1").packages[1].entry;
  fs::remove(own(host) / "listings" / entry);
  const auto report = sync_to({&host})[0];
  EXPECT_EQ(report.failure, "");
  EXPECT_THAT(report.versions, ElementsAre("1.1.0+1"));
  expect_equal(host);
  fs::remove(own(host) / "listings" / entry);
  store::flip_byte(host.directory() / "app/store" / entry / "lib/libfoo.so.1.0");
  EXPECT_THAT(sync_to({&host})[0].failure,
              AllOf(HasSubstr(entry + "/lib/libfoo.so.1.0"), HasSubstr("nothing was changed")));
  EXPECT_FALSE(fs::exists(own(host) / "listings" / entry));
}

TEST_F(Sync, ThatAHostsLockIsWaitedForIsTold) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  install_of("1.1.0", "two");
  std::optional<DestinationLock> lock(at(host).lock({}, {}));
  std::vector<std::string> told;
  const SyncRequest request{.hosts = {{"node1", "node1"}}, .versions = {}};
  const auto reports = sync(source(), request, [&](const auto&, const auto& what) {
    told.push_back(what);
    if (what.starts_with("waiting")) lock.reset();
  });
  EXPECT_EQ(reports[0].failure, "");
  EXPECT_THAT(told, ElementsAre(HasSubstr("bringing 1 version"), HasSubstr("waiting for a process on ")));
  expect_equal(host);
}

TEST_F(Sync, ItsOwnLockIsRenewedWhileItLasts) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  after_bringing("sleep 2");
  std::atomic<bool> ended = false;
  std::jthread syncing([&] {
    SyncRequest request{.hosts = {{"node1", "node1"}}, .versions = {}};
    request.patience.with_silence = std::chrono::seconds(1);
    EXPECT_EQ(sync(source(), request, [](const auto&, const auto&) {})[0].failure, "");
    ended = true;
  });
  std::set<std::int64_t> signs;
  while (!ended) {
    if (const auto sign = modified_ns(source().own("sync-node1/1"))) signs.insert(*sign);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_GT(signs.size(), 4U);
}

TEST_F(Sync, AHostThatSaysThingsWithoutEndIsToldAndGivenUp) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  // What a shell of the host says at its beginning.
  write_file_atomically(temporary_.path() / "hosts/bin/ssh", "#!/bin/sh\nexec yes karapace:entry\n", Durable::no, 0755);
  EXPECT_THAT(sync_to({&host})[0].failure, HasSubstr("node1: it said more than 64 MiB to ssh"));
}

TEST_F(Sync, NothingOutsideAHostsDestinationIsChanged) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  const auto adm = temporary_.path() / "adm", app = host.directory() / "app";
  fs::create_directories(adm / "sub");
  write_file_atomically(temporary_.path() / "keys", "k", Durable::no, 0644);
  fs::create_symlink(adm, app / "store/x");
  fs::create_symlink(temporary_.path() / "keys", app / "store/y");
  EXPECT_EQ(sync_to({&host}, {}, SyncMode::dry_run)[0].failure, "");
  EXPECT_EQ(fs::status(adm).permissions(), fs::perms(0755));
  EXPECT_EQ(fs::status(temporary_.path() / "keys").permissions(), fs::perms(0644));
  fs::permissions(adm / "sub", fs::perms(0555));
  fs::remove_all(app / ".karapace/locks");
  fs::create_directory_symlink(adm, app / ".karapace/locks");
  install_of("1.0.0", "two");
  EXPECT_THAT(sync_to({&host})[0].failure, HasSubstr(".karapace/locks\" is a link"));
  EXPECT_EQ(fs::status(adm / "sub").permissions(), fs::perms(0555));
  EXPECT_FALSE(fs::exists(app / "versions/1.0.0+2"));
}

TEST_F(Sync, ADirectoryOfAHostThatHasOtherThingsIsNoDestination) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  fs::create_directories(host.directory() / "app/thesis");
  EXPECT_THAT(sync_to({&host})[0].failure, HasSubstr("is no destination of releases, and not empty"));
}

TEST_F(Sync, WhatAHostHasBesidesIsTheHostsFault) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  const auto app = host.directory() / "app";
  const auto entry = "store/" + source().document("1.0.0+1").packages[0].entry;
  for (const auto& directory : {entry + "/bin", std::string("versions/1.0.0+1")}) {
    fs::permissions(app / directory, fs::perms::owner_write, fs::perm_options::add);
    fs::create_directory(app / directory / "an extra store");
    const auto failure = sync_to({&host})[0].failure;
    EXPECT_THAT(failure, AllOf(HasSubstr("node1: "), HasSubstr("\"" + directory + "/"), HasSubstr("there other than")));
    fs::remove(app / directory / "an extra store");
    fs::permissions(app / directory, fs::perms(0555));
    fs::last_write_time(app / directory, fs::last_write_time(destination_ / directory));
  }
  EXPECT_TRUE(sync_to({&host})[0].nothing_to_do());
}

TEST_F(Sync, AHostWhoseDirectoriesEverybodyMayWriteToIsLeftAsItIs) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  sync_to({&host});
  install_of("1.1.0", "two");
  const auto app = host.directory() / "app";
  for (const auto& part : {app, app / "versions", own(host) / "lock"}) {
    fs::permissions(part, fs::perms::others_write, fs::perm_options::add);
    EXPECT_THAT(sync_to({&host})[0].failure, HasSubstr("everybody may write to"));
    fs::permissions(part, fs::perms::others_write, fs::perm_options::remove);
  }
  EXPECT_FALSE(fs::exists(app / "versions/1.1.0+1"));
  EXPECT_EQ(sync_to({&host})[0].failure, "");
}

TEST_F(Sync, AChangedLauncherIsMendedThereAndNotPassedOn) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  fs::create_symlink(".launcher-/../../x", destination_ / "bin/evil");
  EXPECT_EQ(sync_to({&host})[0].failure, "");
  fs::remove(destination_ / "bin/evil");
  const auto launcher = fs::read_symlink(destination_ / "bin/app");
  store::flip_byte(host.directory() / "app/bin" / launcher);
  EXPECT_THAT(sync_to({&host})[0].links, ElementsAre("bin/" + launcher.native()));
  expect_equal(host);
  store::flip_byte(destination_ / "bin" / launcher);
  EXPECT_THAT(error_of([&] { sync_to({&host}); }), HasSubstr("is not what its name says"));
}

TEST_F(Sync, AHostOfAnUnknownKeyIsRefused) {
  install_of("1.0.0", "one");
  auto& host = hosts->add("node1");
  host.start();
  write_file_atomically(temporary_.path() / "hosts/known_hosts", "", Durable::no);
  EXPECT_THAT(sync_to({&host})[0].failure, HasSubstr("Host key verification failed"));
}

TEST_F(Sync, AddressesThatAreNoNamesAreRefused) {
  install_of("1.0.0", "one");
  for (const auto* address : {"-oProxyCommand=x", "a:b", "a b", "", "a;b'"})
    EXPECT_THAT(error_of([&] {
                  sync(source(), {.hosts = {{"x", address}}, .versions = {}, .mode = SyncMode::copy},
                       [](const auto&, const auto&) {});
                }),
                HasSubstr("is no NAME or USER@NAME"));
}

TEST_F(Sync, OneDownOneFullOneKilledHalfWayThenAllEqual) {
  const auto big = release_of("1.0.0", std::string(48 << 20, 'x'));
  install(store_, big, options());
  install_of("1.1.0", "two");
  auto& whole = hosts->add("whole");
  auto& down = hosts->add("down");
  auto& full = hosts->add("full");
  auto& killed = hosts->add("killed");
  whole.start();
  full.start(SshHost::Room::one_mebibyte);
  killed.start();
  std::jthread killer([&](const std::stop_token& stop) {
    const auto has_begun = [own = killed.directory() / "app/.karapace"] {
      if (!fs::exists(own)) return false;
      const auto names = names_in(own);
      return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        return name.ends_with("-sync") && fs::exists(own / name / "store");
      });
    };
    while (!has_begun() && !stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    killed.stop();
  });
  const auto reports = sync_to({&whole, &down, &full, &killed});
  killer.request_stop();
  killer.join();
  ASSERT_THAT(reports, SizeIs(4));
  EXPECT_THAT(reports[0].failure, HasSubstr("Connection refused"));  // down
  EXPECT_THAT(reports[1].failure, HasSubstr("No space left on device"));
  EXPECT_NE(reports[2].failure, "");  // killed
  EXPECT_EQ(reports[3].failure, "");
  expect_equal(whole);
  // Nothing that it has a name for is half.
  EXPECT_FALSE(fs::exists(killed.directory() / "app/versions"));

  for (auto* host : {&down, &full, &killed}) host->start();
  const auto again = sync_to({&whole, &down, &full, &killed});
  for (const auto& report : again) EXPECT_EQ(report.failure, "");
  EXPECT_TRUE(again[3].nothing_to_do());
  for (const auto* host : {&whole, &down, &full, &killed}) expect_equal(*host);
}

}  // namespace
}  // namespace karapace::release
