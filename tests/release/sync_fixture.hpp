// SPDX-License-Identifier: Apache-2.0
// A destination, hosts that get what it has, and what is looked at there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/child.hpp"
#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "release/sync.hpp"
#include "release/upkeep.hpp"
#include "release_fixture.hpp"
#include "ssh_host.hpp"
#include "tests/skipping.hpp"

namespace karapace::release {

struct SyncTest : ReleaseTest {
  std::unique_ptr<SshHosts> hosts;

  void SetUp() override {
    if (const auto obstacle = SshHosts::obstacle(); !obstacle.empty()) KARAPACE_SKIP_TEST(obstacle);
    hosts = std::make_unique<SshHosts>(temporary_.path() / "hosts", destination_.parent_path());
  }
  OthersChoices choices = OthersChoices::stay;
  Destination source() const { return Destination::open(destination_); }
  std::vector<HostReport> sync_to(const std::vector<const SshHost*>& some, std::vector<std::string> versions = {},
                                  SyncMode mode = SyncMode::copy) const {
    SyncRequest request{.hosts = {}, .versions = std::move(versions), .mode = mode};
    request.choices = choices;
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
  }
  static fs::path own(const SshHost& host) { return host.directory() / "app/.karapace"; }
  /// Another destination of the same path takes the source's place, which is kept beside it; or back.
  void exchange_source() const {
    const auto other = destination_.parent_path() / "other", spare = destination_.parent_path() / "spare";
    fs::rename(destination_, spare);
    if (fs::exists(other)) fs::rename(other, destination_);
    fs::rename(spare, other);
  }
  /// As by cp -a.
  void copy_source() const {
    exchange_source();
    const auto copied = capture_child({.argv = {"cp", "-a", destination_.parent_path() / "other", destination_}});
    ASSERT_EQ(copied.status, 0) << copied.errors;
  }
  static void write(const fs::path& path, const std::string& text) {
    write_file_atomically(path, text, Durable::no, 0444);
  }
  /// Directories into which something is, or was, brought.
  static std::vector<fs::path> incoming(const SshHost& host) {
    std::vector<fs::path> found;
    if (!fs::exists(own(host))) return found;
    for (const auto& name : names_in(own(host)))
      if (name.starts_with(".new-")) found.push_back(own(host) / name);
    return found;
  }
  /// The host has another program of this name, a script.
  void have_program(const SshHost& host, const std::string& name, const std::string& script) const {
    const auto directory = temporary_.path() / "hosts" / host.name() / "bin";
    fs::create_directories(directory);
    write_file_atomically(directory / name, "#!/bin/sh\n" + script, Durable::no, 0755);
  }
  /// Runs `script` after each rsync that brings something.
  void after_bringing(const std::string& script) const {
    write_file_atomically(temporary_.path() / "hosts/bin/rsync",
                          fmt::format("#!/bin/sh\n/usr/bin/rsync \"$@\" || exit\ncase \"$*\" in *--dry-run*) exit;; "
                                      "esac\n{}\n",
                                      script),
                          Durable::no, 0755);
  }
};

}  // namespace karapace::release
