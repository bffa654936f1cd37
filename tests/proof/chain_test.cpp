// SPDX-License-Identifier: Apache-2.0
#include "proof/chain.hpp"

#include <algorithm>
#include <deque>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "generator/graph/graph.hpp"
#include "proof/kept_signatures.hpp"
#include "proof/statement.hpp"
#include "remote/sha256.hpp"
#include "tests/generator/sample_lock.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::proof {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string file_of(const lock::LockedPackage& package) { return "the file of " + package.name; }

/// A store with an environment whose steps were "run": its packages are files of a line, its layers hold one file.
class ChainTest : public store::StoreTest {
 protected:
  ChainTest() : lock_(karapace::testing::sample_lock({"git", "curl"})) {
    for (auto* list : {&lock_.base, &lock_.packages}) {
      for (auto& package : *list) {
        package.sha256 = remote::Sha256Hasher().update(file_of(package)).finish();
        package.size = file_of(package).size();
        files_.emplace(package.sha256.hex(), file_of(package));
      }
    }
    const auto graph = graph::plan(std::vector{lock_});
    for (const auto& edge : graph.edges) run(edge);
    environment_ = *store::find_environment(store_, lock::environment_id(lock_));
  }

  BlobId add_blob(const store::Staging& staging, const std::string& bytes) const {
    const BlobId id(blake3(bytes));
    write_file_atomically(staging.path() / "file", bytes, Durable::no);
    store_.add_blob(id, staging.path() / "file");
    return id;
  }

  void run(const graph::Edge& edge) {
    const auto staging = store_.stage(edge.step);
    StepRecord record{edge.step, {}};
    if (edge.step.kind == StepKind::fetch) {
      const auto sha256 = edge.step.parameter("sha256");
      const auto bytes = sha256 ? files_.at(std::string(*sha256)) : lock::serialise(lock_);
      record.output = BlobOutput{add_blob(staging, bytes), remote::Sha256Hasher().update(bytes).finish(), bytes.size()};
    } else if (edge.step.kind == StepKind::environment) {
      record.output = EnvironmentOutput{lock::environment_id(lock_)};
      store::Environment environment{
          .id = lock::environment_id(lock_), .step = edge.key, .layers = {}, .lock = {}, .runtime = lock_.runtime};
      environment.lock = BlobId(environment.id.digest());
      for (std::size_t i = 0; i + 1 < edge.step.inputs.size(); ++i)
        environment.layers.push_back(store_.record(edge.step.inputs[i])->layer().layer);
      store::add_environment(store_, environment);
    } else {
      const auto tree = staging.path() / "tree";
      std::filesystem::create_directory(tree);
      write_file_atomically(tree / "file", edge.key.hex(), Durable::no);
      record.output = LayerOutput{store_.add_layer(tree, store::scan_path(tree), staging)};
    }
    store_.add_record(record);
    records_.emplace(edge.key, record);
  }

  std::vector<Link> links(const ChainOptions& options = {}) const {
    return examine_chain(store_, *store::find_environment(store_, environment_.id), options);
  }
  Link link(LinkKind kind, const ChainOptions& options = {}) const {
    return links(options).at(static_cast<std::size_t>(kind));
  }
  LinkState state(LinkKind kind, const ChainOptions& options = {}) const { return link(kind, options).state(); }
  /// Everything else stays as it is.
  void expect_broken_only(LinkKind kind, const std::string& reason) const {
    for (const auto& one : links()) {
      if (one.kind == kind) {
        EXPECT_EQ(one.state(), LinkState::broken) << text(kind);
        EXPECT_THAT(one.findings, ::testing::Contains(::testing::Field(&Finding::reason, HasSubstr(reason))));
      } else {
        EXPECT_NE(one.state(), LinkState::broken) << text(one.kind);
      }
    }
  }

  StepKey step_of(StepKind kind) const {
    return std::ranges::find_if(records_, [&](const auto& one) { return one.second.step.kind == kind; })->first;
  }
  const lock::LockedPackage& git() const {
    return *std::ranges::find(lock_.packages, "git", &lock::LockedPackage::name);
  }
  static void write_anew(const std::filesystem::path& file, std::string_view text) {
    std::filesystem::remove(file);
    write_file_atomically(file, text, Durable::no);
  }

  signing::NamedKey add_key(const std::string& name) {
    keys_.push_back(signing::SecretKey::generate());
    return {name, keys_.back().public_key()};
  }
  void sign(const signing::SecretKey& key, const std::map<StepKey, StepRecord>& records) const {
    keep_signature(store_, environment_.id, signing::signed_envelope(statement_text(lock_, records), key),
                   key.public_key());
  }
  std::map<StepKey, StepRecord> poisoned() const {
    auto records = records_;
    records.at(step_of(StepKind::install)).output = LayerOutput{LayerId(blake3("poison"))};
    return records;
  }
  std::filesystem::path signature_file(const signing::SecretKey& key) const {
    return store_.root() / "signatures" / environment_.id.hex() / key.public_key().id().hex();
  }

  lock::Lock lock_;
  std::map<std::string, std::string> files_;  // by SHA-256
  std::map<StepKey, StepRecord> records_;
  store::Environment environment_;
  std::deque<signing::SecretKey> keys_;
};

TEST_F(ChainTest, WhatIsWholeIsVerifiedAndWhatIsNotHereIsSaidToBe) {
  const auto all = links();
  ASSERT_THAT(all, SizeIs(7));
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].kind, static_cast<LinkKind>(i));
  for (auto kind : {LinkKind::lock, LinkKind::package, LinkKind::record, LinkKind::layer}) {
    EXPECT_EQ(state(kind), LinkState::verified) << text(kind);
    EXPECT_THAT(link(kind).findings, IsEmpty());
  }
  for (auto kind : {LinkKind::archive, LinkKind::index, LinkKind::signature})
    EXPECT_EQ(state(kind), LinkState::absent) << text(kind);
  EXPECT_EQ(link(LinkKind::package).verified, lock_.base.size() + lock_.packages.size());
  EXPECT_EQ(link(LinkKind::record).verified, records_.size());
}

TEST_F(ChainTest, WhatIsKnownOfTheArchivesIsTold) {
  using Part = resolve::EvidencePart;
  ChainOptions options{.evidence = {{Part::Link::archive, Part::State::verified, "debian/bookworm"},
                                    {Part::Link::index, Part::State::verified, "an index"},
                                    {Part::Link::index, Part::State::broken, "package git", "no index has it"}}};
  EXPECT_EQ(state(LinkKind::archive, options), LinkState::verified);
  EXPECT_EQ(state(LinkKind::index, options), LinkState::broken);
  EXPECT_EQ(link(LinkKind::index, options).findings.at(0).subject, "package git");
}

TEST_F(ChainTest, APackageWithAnotherByteIsFound) {
  store::flip_byte(store_.blob_path(BlobId(blake3(file_of(git())))));
  const auto packages = link(LinkKind::package);
  ASSERT_THAT(packages.findings, SizeIs(1));
  EXPECT_EQ(packages.findings[0].state, LinkState::broken);
  EXPECT_EQ(packages.findings[0].subject, "package git 1.0-1");
  EXPECT_EQ(state(LinkKind::layer), LinkState::broken);  // the blob is what no digest says
}

TEST_F(ChainTest, APackageThatIsGoneIsAbsent) {
  std::filesystem::remove(store_.blob_path(BlobId(blake3(file_of(git())))));
  EXPECT_EQ(state(LinkKind::package), LinkState::absent);
  EXPECT_EQ(link(LinkKind::package).findings.at(0).subject, "package git 1.0-1");
}

// The seal can be made anew by anybody, the digest of the lock can not.
TEST_F(ChainTest, ARecordThatNamesAnotherFileIsFound) {
  for (auto& [key, record] : records_) {
    if (record.step.parameter("sha256") != git().sha256.hex()) continue;
    const auto staging = store_.stage();
    const std::string other = "another file....";
    record.output = BlobOutput{add_blob(staging, other), git().sha256, git().size};
    write_anew(store_.step_path(key), record.text());
  }
  expect_broken_only(LinkKind::package, "is not the file that the lock names");
}

TEST_F(ChainTest, ARecordOfAnotherDigestIsFound) {
  for (auto& [key, record] : records_) {
    if (record.step.parameter("sha256") != git().sha256.hex()) continue;
    auto blob = record.blob();
    blob.sha256 = Sha256(blake3("x"));
    record.output = blob;
    write_anew(store_.step_path(key), record.text());
  }
  expect_broken_only(LinkKind::package, "the record of its download is of other bytes");
}

TEST_F(ChainTest, ADamagedRecordIsFoundAndAMissingOneAbsent) {
  const auto key = step_of(StepKind::install);
  const auto text = read_file(store_.step_path(key));
  std::filesystem::remove(store_.step_path(key));
  EXPECT_EQ(state(LinkKind::record), LinkState::absent);
  auto damaged = text;
  damaged[text.size() / 2] ^= 1;
  write_anew(store_.step_path(key), damaged);
  EXPECT_EQ(state(LinkKind::record), LinkState::broken);
}

TEST_F(ChainTest, ARecordThatNamesAnotherLayerIsFound) {
  const auto key = environment_.layers.empty() ? StepKey() : [&] {
    for (const auto& [one, record] : records_) {
      const auto* layer = std::get_if<LayerOutput>(&record.output);
      if (layer != nullptr && layer->layer == environment_.layers.back()) return one;
    }
    return StepKey();
  }();
  auto record = records_.at(key);
  record.output = LayerOutput{environment_.layers.front()};
  write_anew(store_.step_path(key), record.text());
  expect_broken_only(LinkKind::lock, "its layers are not those that its steps made");
}

TEST_F(ChainTest, AnEnvironmentWithOtherLayersOrVariablesIsFound) {
  auto other = environment_;
  other.layers.pop_back();
  write_anew(store_.environment_path(other.id), other.text());
  expect_broken_only(LinkKind::lock, "its layers are not those that its steps made");
  other = environment_;
  other.runtime.variables["LD_PRELOAD"] = "/tmp/x.so";
  write_anew(store_.environment_path(other.id), other.text());
  expect_broken_only(LinkKind::lock, "its runtime configuration is not that of its lock");
}

TEST_F(ChainTest, AFileInALayerThatIsAnotherIsNamed) {
  store::flip_byte(store_.layer_tree(environment_.layers.back()) / "file");
  expect_broken_only(LinkKind::layer, "as file (content");
}

TEST_F(ChainTest, AListingThatIsAnotherIsFound) {
  store::flip_byte(store_.listing_path(environment_.layers.back()));
  EXPECT_EQ(state(LinkKind::layer), LinkState::broken);
}

TEST_F(ChainTest, ALayerThatIsGoneIsAbsent) {
  std::filesystem::rename(store_.root() / "layers" / environment_.layers.back().hex(), temporary_.path() / "away");
  EXPECT_EQ(state(LinkKind::layer), LinkState::absent);
}

TEST_F(ChainTest, ADamagedLockIsRefused) {
  store::flip_byte(store_.blob_path(environment_.lock));
  EXPECT_THAT(store::error_of([&] { links(); }), HasSubstr("the lock of environment"));
}

TEST_F(ChainTest, ASignatureOfAKnownKeyIsVerified) {
  const ChainOptions options{.keys = {add_key("alice")}};
  sign(keys_[0], records_);
  EXPECT_EQ(state(LinkKind::signature, options), LinkState::verified);
  EXPECT_EQ(state(LinkKind::signature), LinkState::absent);  // to whom the key is unknown
}

TEST_F(ChainTest, ASignatureOfSomethingElseIsFound) {
  const ChainOptions options{.keys = {add_key("alice")}};
  sign(keys_[0], poisoned());
  const auto signatures = link(LinkKind::signature, options);
  ASSERT_THAT(signatures.findings, SizeIs(1));
  EXPECT_EQ(signatures.findings[0].state, LinkState::broken);
  EXPECT_THAT(signatures.findings[0].reason, HasSubstr("alice says that the steps made something else"));
}

TEST_F(ChainTest, AnAlteredSignatureIsFound) {
  const ChainOptions options{.keys = {add_key("alice")}};
  sign(keys_[0], records_);
  const auto file = signature_file(keys_[0]);
  auto envelope = signing::parse_envelope(read_file(file), "x");
  envelope.payload = statement_text(lock_, poisoned());
  write_anew(file, signing::text(envelope));
  EXPECT_THAT(link(LinkKind::signature, options).findings.at(0).reason, HasSubstr("is not signed by it"));
  write_anew(file, "{}");
  EXPECT_THAT(link(LinkKind::signature, options).findings.at(0).reason, HasSubstr("this is no envelope of signatures"));
  std::filesystem::remove(file);
  std::filesystem::create_symlink("/etc/passwd", file);
  EXPECT_EQ(link(LinkKind::signature, options).findings.at(0).state, LinkState::broken);
}

TEST_F(ChainTest, WhereAgreementIsDemandedItsLackIsAFault) {
  ChainOptions options{.keys = {add_key("alice"), add_key("bob"), add_key("carol")}, .agree = 2};
  EXPECT_EQ(state(LinkKind::signature, options), LinkState::broken);
  sign(keys_[0], records_);
  EXPECT_EQ(state(LinkKind::signature, options), LinkState::broken);
  sign(keys_[1], records_);
  EXPECT_EQ(state(LinkKind::signature, options), LinkState::verified);
  options.keys.erase(options.keys.begin());
  EXPECT_EQ(state(LinkKind::signature, options), LinkState::broken);
}

TEST_F(ChainTest, WhatTwoAgreeOnIsNotBelievedWhenItIsNotWhatIsHere) {
  const ChainOptions options{.keys = {add_key("alice"), add_key("bob")}, .agree = 2};
  for (const auto& key : keys_) sign(key, poisoned());
  EXPECT_THAT(
      link(LinkKind::signature, options).findings,
      ::testing::Contains(::testing::Field(&Finding::reason, HasSubstr("what was agreed is not what is here"))));
}

TEST_F(ChainTest, AKeysLaterWordTakesThePlaceOfItsEarlierOne) {
  const ChainOptions options{.keys = {add_key("alice")}};
  sign(keys_[0], poisoned());
  sign(keys_[0], records_);
  EXPECT_EQ(state(LinkKind::signature, options), LinkState::verified);
}

}  // namespace
}  // namespace karapace::proof
