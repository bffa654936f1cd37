// SPDX-License-Identifier: Apache-2.0
#include "release/sync.hpp"

#include <thread>

#include "release_fixture.hpp"
#include "ssh_host.hpp"
#include "tests/skipping.hpp"

namespace karapace::release {
namespace {

struct Sync : ReleaseTest {
  std::unique_ptr<SshHosts> hosts;

  void SetUp() override {
    if (const auto obstacle = SshHosts::obstacle(); !obstacle.empty()) KARAPACE_SKIP_TEST(obstacle);
    hosts = std::make_unique<SshHosts>(temporary_.path() / "hosts", destination_.parent_path());
  }
  Destination source() const { return Destination::open(destination_); }
  std::vector<HostReport> sync_to(const std::vector<const SshHost*>& some, std::vector<std::string> versions = {},
                                  SyncMode mode = SyncMode::copy) const {
    SyncRequest request{.hosts = {}, .versions = std::move(versions), .mode = mode};
    for (const auto* host : some) request.hosts.emplace(host->name(), host->name());
    return sync(source(), request, [](const auto&, const auto&) {});
  }
  static Destination at(const SshHost& host) { return Destination::open(host.directory() / "app"); }
  /// As the source, path by path.
  void expect_equal(const SshHost& host) const {
    EXPECT_EQ(at(host).versions(), source().versions()) << host.name();
    EXPECT_EQ(at(host).entries(), source().entries()) << host.name();
    EXPECT_EQ(at(host).links(), source().links()) << host.name();
    for (const auto& fault : verify(at(host), 1))
      ADD_FAILURE() << host.name() << fault.where << fault.path << fault.what;
    EXPECT_TRUE(fs::exists(host.directory() / "app/bin/app"));
    EXPECT_FALSE(fs::exists(host.directory() / "app/.karapace/sync"));
  }
};

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
  EXPECT_THAT(report.left_out,
              ElementsAre("versions/1", "versions/1.1", "versions/1.1.0", "versions/latest", "versions/stable"));
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
    const auto begun = killed.directory() / "app/.karapace/sync/store";
    while (!fs::exists(begun) && !stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    killed.stop();
  });
  const auto reports = sync_to({&whole, &down, &full, &killed});
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
