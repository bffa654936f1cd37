// SPDX-License-Identifier: Apache-2.0
// Which Release files are taken for the one that was asked for: by name, by date, by what they say of themselves.
#include <array>

#include <gmock/gmock.h>

#include "base/file.hpp"
#include "tests/resolve/resolve_fixture.hpp"

namespace karapace::testing {
namespace {

using resolve::AdditionalRepository;
using resolve::Rollback;
using ::testing::HasSubstr;

class Releases : public ResolveFixture {
 protected:
  /// A request whose lock has seen `suite` as it is published now.
  resolve::ResolveRequest request_after_locking() {
    archive.publish(suite);
    auto wanted = request({});
    wanted.known = resolve::resolve(wanted).repositories;
    return wanted;
  }
};

const std::string newer = "Sat, 11 Jul 2026 00:00:00 UTC";
const std::string older = "Fri, 10 Jul 2026 23:59:59 UTC";

TEST_F(Releases, OlderThanTheLocksIsRefusedUnlessTold) {
  suite.date = newer;
  auto wanted = request_after_locking();
  suite.date = older;
  archive.publish(suite);
  wanted.cache = fresh_cache();
  EXPECT_EQ(refusal<LockError>(wanted),
            "lock: debian/sid: its Release file is of 2026-07-10T23:59:59Z, that of the lock of 2026-07-11T00:00:00Z: "
            "the mirror is out of date or somebody holds back updates; use another mirror, or accept the older one "
            "with --allow-rollback");
  wanted.rollback = Rollback::allow;
  EXPECT_EQ(as_deb(resolve::resolve(wanted).repositories.front()).date, "2026-07-10T23:59:59Z");
}

TEST_F(Releases, OlderThanTheLocksIsTakenWhenToldThoughTheCacheHasTheNewer) {
  suite.date = newer;
  archive.add(suite, {.name = "tool", .version = "2.0"});
  auto wanted = request_after_locking();
  suite.date = older;
  archive.remove(suite, "tool_2.0");
  archive.add(suite, {.name = "tool", .version = "1.0"});
  archive.publish(suite);
  wanted.packages = {"tool"};
  wanted.rollback = Rollback::allow;
  const auto resolution = resolve::resolve(wanted);
  EXPECT_EQ(as_deb(resolution.repositories.front()).date, "2026-07-10T23:59:59Z");
  EXPECT_EQ(text(resolution.packages), "tool 1.0");
}

TEST_F(Releases, AsOldAsTheLocksIsTaken) {
  suite.date = newer;
  const auto wanted = request_after_locking();
  EXPECT_EQ(as_deb(resolve::resolve(wanted).repositories.front()).date, "2026-07-11T00:00:00Z");
}

TEST_F(Releases, IsComparedWithThatOfItsOwnRepository) {
  suite.date = newer;
  auto wanted = request_after_locking();
  suite.date = older;
  archive.publish(suite);
  wanted.cache = fresh_cache();
  std::get<lock::DebRepository>(wanted.known.front()).suite = "trixie";
  EXPECT_EQ(as_deb(resolve::resolve(wanted).repositories.front()).date, "2026-07-10T23:59:59Z");
}

TEST_F(Releases, WithAFieldTwiceIsRefused) {
  for (const std::string field : {"Valid-Until", "valid-until", "Date", "Suite", "Codename", "SHA256"}) {
    suite.valid_until = "Fri, 11 Jul 2098 00:00:00 UTC";
    suite.more_fields = field + ": Fri, 11 Jul 2098 00:00:00 UTC\n";
    archive.publish(suite);
    auto wanted = request({});
    wanted.cache = fresh_cache();
    wanted.mirrors.acquisition.check_date = false;
    const auto message = refusal<LockError>(wanted);
    EXPECT_THAT(message, HasSubstr("lock: debian/sid: its Release file has the field "));
    EXPECT_THAT(message, HasSubstr(" twice; use another mirror, or tell its owner"));
  }
}

/// A suite, its updates and its security updates, as the archive of `distribution` names them.
class Pockets : public Releases {
 protected:
  void publish(const std::string& suite_field, const std::string& codename, bool codename_has_pocket) {
    for (const std::string pocket : {"", "-updates", "-security"}) {
      TestSuite one{.name = "noble" + pocket, .suite_field = suite_field + pocket};
      one.codename_field = codename + (codename_has_pocket ? pocket : "");
      if (pocket.empty()) archive.add(one, {.name = "base-files", .fields = "Essential: yes\n"});
      archive.publish(one);
    }
  }

  void answer(const std::string& asked, const std::string& with) {
    const auto dists = archive.root() / "dists";
    std::filesystem::remove_all(dists / asked);
    std::filesystem::copy(dists / with, dists / asked, std::filesystem::copy_options::recursive);
  }

  resolve::ResolveRequest request() {
    auto wanted = ResolveFixture::request({});
    wanted.cache = fresh_cache();
    wanted.suite = "noble";
    wanted.mirrors.archives["debian-security"] = wanted.mirrors.archives["debian"];
    wanted.mirrors.keyrings["debian-security"] = wanted.mirrors.keyrings["debian"];
    return wanted;
  }

  /// An additional repository at the fixture's archive, with these two fields.
  std::string additional(const std::string& asked, const std::string& suite_field, const std::string& codename) {
    TestSuite extra{.name = asked, .component = "tools", .suite_field = suite_field, .codename_field = codename};
    archive.publish(extra);
    archive.publish(suite);
    auto wanted = ResolveFixture::request({});
    wanted.cache = fresh_cache();
    wanted.mirrors.archives["extra"] = {archive.url()};
    const auto key = directory.path() / "archive.gpg";
    wanted.repositories = {
        {.name = "extra", .key = key, .key_content = blake3(read_file(key)), .suite = asked, .components = {"tools"}}};
    try {
      const auto notes = resolve::resolve(wanted).notes;
      return notes.empty() ? "taken" : notes.front();
    } catch (const LockError& error) {
      return error.what();
    }
  }
};

TEST_F(Pockets, OfUbuntuShareACodenameAndAreToldApart) {
  publish("noble", "noble", false);
  EXPECT_EQ(resolve::resolve(request()).base.size(), 1U);
  answer("noble", "noble-updates");
  EXPECT_EQ(refusal<LockError>(request()),
            "lock: debian/noble: the Release file is of \"noble-updates\" (codename \"noble\"); use another mirror");
}

TEST_F(Pockets, OfDebianAreToldApart) {
  publish("stable", "noble", true);
  EXPECT_EQ(resolve::resolve(request()).base.size(), 1U);
  answer("noble-security", "noble");
  EXPECT_EQ(refusal<LockError>(request()),
            "lock: debian-security/noble-security: the Release file is of \"stable\" (codename \"noble\"); use another "
            "mirror");
}

TEST_F(Pockets, OfAdditionalRepositoriesAreToldApart) {
  const std::string way = "; write that suite in [repositories] of the manifest, or check the uri there";
  EXPECT_EQ(additional("jammy", "jammy-updates", "jammy"),
            "lock: extra/jammy: the Release file is of \"jammy-updates\" (codename \"jammy\")" + way);
  EXPECT_EQ(additional("jammy", "stable-security", "jammy"),
            "lock: extra/jammy: the Release file is of \"stable-security\" (codename \"jammy\")" + way);
  EXPECT_EQ(additional("jammy-backports", "jammy", "jammy"),
            "lock: extra/jammy-backports: the Release file is of \"jammy\" (codename \"jammy\")" + way);
}

TEST_F(Pockets, AreNotSoughtInLooseNames) {
  for (const auto& [asked, suite_field, codename] : std::vector<std::array<std::string, 3>>{
           {"stable", "stable", "tools"},
           {"bookworm", "stable", "bookworm"},
           {"bookworm", "", "bookworm"},
           {"bookworm", "bookworm", ""},
           {"bookworm-pgdg", "bookworm-pgdg", "bookworm-pgdg"},
           {"bookworm-backports", "stable-backports", "bookworm-backports"},
           {"buster/updates", "oldstable", "buster"},
       }) {
    EXPECT_EQ(additional(asked, suite_field, codename), "taken") << asked;
  }
  EXPECT_EQ(additional("stable", "any", "thing"), "extra/stable: the Release file is of \"any\" (codename \"thing\")");
  EXPECT_EQ(additional("stable", "", ""), "extra/stable: its Release file does not say of which suite it is");
}

}  // namespace
}  // namespace karapace::testing
