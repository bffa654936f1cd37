// SPDX-License-Identifier: Apache-2.0
#include "exchange/record_bundle.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::exchange {
namespace {

using store::environment_of;
using store::error_of;

class RecordBundleTest : public store::StoreTest {
 protected:
  EnvironmentId id_ = environment_of(store_, "one").id;
  RecordBundle bundle_ = bundle_of(store_, id_);
};

std::string refusal(const std::string& text) {
  return error_of([&] { parse_bundle(text, "cache.invalid"); });
}

TEST_F(RecordBundleTest, HoldsWhatLedToAnEnvironmentInputsFirst) {
  EXPECT_EQ(bundle_.environment(), id_);
  EXPECT_EQ(bundle_.layers(), store::find_environment(store_, id_)->layers);
  EXPECT_EQ(bundle_.records.back().step.kind, StepKind::environment);
}

TEST_F(RecordBundleTest, ComesBackFromItsText) {
  const auto written = text(bundle_);
  const auto read = parse_bundle(written, "it");
  EXPECT_EQ(read.records.size(), bundle_.records.size());
  EXPECT_EQ(text(read), written);
  EXPECT_EQ(decompressed(compressed(written), "it"), written);
}

TEST_F(RecordBundleTest, AnotherStoreHasTheSameText) {
  const auto other = store::Store::open(temporary_.path() / "other", store::Store::Access::create);
  environment_of(other, "two");
  environment_of(other, "one");
  EXPECT_EQ(text(bundle_of(other, id_)), text(bundle_));
}

TEST_F(RecordBundleTest, WhatIsMissingInTheMiddleIsRefused) {
  for (std::size_t i = 0; i + 1 < bundle_.records.size(); ++i) {
    auto bundle = bundle_;
    bundle.records.erase(bundle.records.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_NE(refusal(text(bundle)), "") << i;
  }
}

TEST_F(RecordBundleTest, WhatLedToNothingIsRefused) {
  auto bundle = bundle_;
  bundle.records.insert(bundle.records.begin(), store::fetch(store_, "foreign"));
  EXPECT_NE(refusal(text(bundle)).find("led to nothing"), std::string::npos) << refusal(text(bundle));
}

TEST_F(RecordBundleTest, AnotherOrderIsRefused) {
  auto bundle = bundle_;
  std::swap(bundle.records[0], bundle.records[1]);
  EXPECT_NE(refusal(text(bundle)), "");
}

TEST_F(RecordBundleTest, AnOutputThatWasExchangedChangesTheText) {
  auto bundle = bundle_;
  for (auto& record : bundle.records)
    if (auto* made = std::get_if<LayerOutput>(&record.output)) made->layer = LayerId(blake3("evil"));
  EXPECT_NE(text(bundle), text(bundle_));
}

TEST_F(RecordBundleTest, NoTruncationAndNoFlippedByteIsTakenForIt) {
  const auto written = text(bundle_);
  for (std::size_t length = 0; length < written.size(); length += 7) EXPECT_NE(refusal(written.substr(0, length)), "");
  for (std::size_t at = 0; at < written.size(); at += 5) {
    auto changed = written;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_NE(refusal(changed), "") << at;
  }
}

TEST_F(RecordBundleTest, WhatIsNoCompressedTextIsRefused) {
  const auto bytes = compressed(text(bundle_));
  EXPECT_NE(error_of([&] { decompressed(bytes.substr(0, bytes.size() / 2), "cache.invalid"); }), "");
  EXPECT_NE(error_of([&] { decompressed("no zstd at all", "cache.invalid"); }), "");
}

}  // namespace
}  // namespace karapace::exchange
