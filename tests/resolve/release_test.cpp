// SPDX-License-Identifier: Apache-2.0
// Which Release files are taken for the one that was asked for: by name, by date, by what they say of themselves.
#include "tests/resolve/resolve_fixture.hpp"

namespace karapace::testing {
namespace {

using resolve::Rollback;

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
  wanted.cache = directory.path() / "another-cache";
  EXPECT_EQ(refusal<LockError>(wanted),
            "lock: debian/sid: its Release file is of 2026-07-10T23:59:59Z, that of the lock of 2026-07-11T00:00:00Z: "
            "the mirror is out of date or somebody holds back updates; use another mirror, or accept the older one "
            "with --allow-rollback");
  wanted.rollback = Rollback::allow;
  EXPECT_EQ(resolve::resolve(wanted).repositories.front().date, "2026-07-10T23:59:59Z");
}

TEST_F(Releases, OlderThanTheLocksIsTakenWhenToldThoughTheCacheHasTheNewer) {
  suite.date = newer;
  auto wanted = request_after_locking();
  suite.date = older;
  archive.publish(suite);
  wanted.rollback = Rollback::allow;
  EXPECT_EQ(resolve::resolve(wanted).repositories.front().date, "2026-07-10T23:59:59Z");
}

TEST_F(Releases, AsOldAsTheLocksIsTaken) {
  suite.date = newer;
  const auto wanted = request_after_locking();
  EXPECT_EQ(resolve::resolve(wanted).repositories.front().date, "2026-07-11T00:00:00Z");
}

TEST_F(Releases, IsComparedWithThatOfItsOwnRepository) {
  suite.date = newer;
  auto wanted = request_after_locking();
  suite.date = older;
  archive.publish(suite);
  wanted.cache = directory.path() / "another-cache";
  wanted.known.front().suite = "trixie";
  EXPECT_EQ(resolve::resolve(wanted).repositories.front().date, "2026-07-10T23:59:59Z");
}

}  // namespace
}  // namespace karapace::testing
