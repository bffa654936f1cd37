// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/evidence.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "tests/resolve/resolve_fixture.hpp"

namespace karapace::resolve {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using Link = EvidencePart::Link;
using State = EvidencePart::State;

class EvidenceTest : public karapace::testing::ResolveFixture {
 protected:
  EvidenceTest() {
    archive.publish(suite);
    auto resolution = resolve({});
    lock_.distribution = "debian";
    lock_.suite = suite.name;
    lock_.architecture = "amd64";
    lock_.repositories = std::move(resolution.repositories);
    lock_.base = std::move(resolution.base);
  }

  std::vector<EvidencePart> parts() const { return examine_evidence(lock_, cache()); }
  std::vector<EvidencePart> of(Link link) const {
    std::vector<EvidencePart> found;
    std::ranges::copy_if(parts(), std::back_inserter(found), [&](const auto& part) { return part.link == link; });
    return found;
  }
  /// The worst of a link, and why.
  EvidencePart worst(Link link) const {
    const auto all = of(link);
    return *std::ranges::max_element(all, {}, [](const auto& part) { return part.state; });
  }
  std::filesystem::path cache() const { return directory.path() / "cache"; }
  std::filesystem::path kept(const std::string& name) const {
    const auto releases = cache() / "releases";
    return std::filesystem::directory_iterator(releases)->path() / name;
  }
  static void change(const std::filesystem::path& file, const std::string& from, const std::string& to) {
    auto text = read_file(file);
    const auto at = text.find(from);
    ASSERT_NE(at, text.npos) << from;
    write_file_atomically(file, text.replace(at, from.size(), to), Durable::no);
  }

  lock::Lock lock_;
};

TEST_F(EvidenceTest, WhatWasLockedIsProvenFromTheKeyToThePackage) {
  for (const auto& part : parts()) EXPECT_EQ(part.state, State::verified) << part.subject << ": " << part.reason;
  EXPECT_THAT(of(Link::archive), SizeIs(1));
  EXPECT_GT(of(Link::index).size(), lock_.base.size());
}

TEST_F(EvidenceTest, WithoutTheCacheNothingIsSaid) {
  std::filesystem::remove_all(cache());
  for (const auto& part : parts()) EXPECT_EQ(part.state, State::absent) << part.subject;
  EXPECT_EQ(worst(Link::archive).state, State::absent);
}

TEST_F(EvidenceTest, IndexesThatAreGoneLeaveTheRestProven) {
  std::filesystem::remove_all(cache() / "resolve-deb");
  EXPECT_EQ(worst(Link::archive).state, State::verified);
  EXPECT_EQ(worst(Link::index).state, State::absent);
  EXPECT_EQ(of(Link::index).front().state, State::verified);  // the Release vouches for it all the same
}

TEST_F(EvidenceTest, AnAlteredReleaseIsFound) {
  change(kept("InRelease"), "Suite: sid", "Suite: sad");
  EXPECT_EQ(worst(Link::archive).state, State::broken);
  EXPECT_THAT(worst(Link::archive).reason, HasSubstr("the signature does not match the contents"));
}

TEST_F(EvidenceTest, AKeyThatTheLockDoesNotNameProvesNothing) {
  auto& repository = std::get<lock::DebRepository>(lock_.repositories.front());
  repository.signers = {"0123456789ABCDEF0123456789ABCDEF01234567"};
  EXPECT_EQ(worst(Link::archive).state, State::broken);
  EXPECT_THAT(worst(Link::archive).reason, HasSubstr("it is signed by " + fingerprint));
}

TEST_F(EvidenceTest, APackageThatNoIndexHasIsFound) {
  lock_.base.front().version = "6.6.6";
  EXPECT_EQ(worst(Link::index).state, State::broken);
  EXPECT_THAT(worst(Link::index).subject, HasSubstr("6.6.6"));
  lock_.base.front().sha256 = Sha256(blake3("poison"));
  EXPECT_EQ(worst(Link::index).state, State::broken);
}

// A lock with another index is of another Release: of that nothing is kept.
TEST_F(EvidenceTest, ALockWithAnotherIndexFindsNothing) {
  std::get<lock::DebRepository>(lock_.repositories.front()).indexes.front().sha256 = Sha256(blake3("poison"));
  EXPECT_EQ(worst(Link::archive).state, State::absent);
}

TEST_F(EvidenceTest, AReleaseThatVouchesForAnotherIndexIsFound) {
  const auto before = kept("InRelease").parent_path();
  auto& index = std::get<lock::DebRepository>(lock_.repositories.front()).indexes.front();
  index.sha256 = Sha256(blake3("poison"));
  // Somebody puts the true Release where that of the false lock is looked for.
  for (const auto& part : parts()) EXPECT_EQ(part.state, State::absent);
  const auto& repository = std::get<lock::DebRepository>(lock_.repositories.front());
  std::string identity;
  const auto add = [&identity](std::string_view field) { identity += fmt::format("{}:{};", field.size(), field); };
  for (const auto& field : {repository.archive, repository.suite, repository.date}) add(field);
  for (const auto& one : repository.indexes) {
    add(one.path);
    add(one.sha256.hex());
  }
  std::filesystem::rename(before, cache() / "releases" / blake3(identity).hex());
  EXPECT_EQ(worst(Link::archive).state, State::verified);
  EXPECT_THAT(worst(Link::index).reason, HasSubstr("lock again"));
  EXPECT_EQ(worst(Link::index).state, State::broken);
}

TEST_F(EvidenceTest, ALockWithoutArchivesHasNone) { EXPECT_TRUE(examine_evidence(lock::Lock(), cache()).empty()); }

}  // namespace
}  // namespace karapace::resolve
