// SPDX-License-Identifier: Apache-2.0
// What a step's key says about the release that makes its result: the number of its rules, and no date.
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "runtime/steps/canonical_rules.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/listing.hpp"

namespace karapace::steps {
namespace {

TEST(Rules, OfAnotherReleaseAreRefused) {
  for (auto kind : {StepKind::unpack, StepKind::install, StepKind::setup}) {
    EXPECT_NO_THROW(check_rules(Step::normalised(kind, {rules_of(kind)}, {})));
    EXPECT_THROW(check_rules(Step::normalised(kind, {{"rules", "0"}}, {})), StepError);
    EXPECT_THROW(check_rules(Step::normalised(kind, {}, {})), StepError);
  }
  EXPECT_NO_THROW(check_rules(Step::normalised(StepKind::environment, {}, {})));
}

TEST(Epoch, IsTheNewestTimeOfWhatAStepBuildsOn) {
  auto listing = [](std::int64_t time) {
    store::Entry top;
    top.type = store::EntryType::directory;
    top.mode = 0755;
    store::Entry file;
    file.path = "file";
    file.mode = 0644;
    file.mtime = time;
    return store::Listing({top, file});
  };
  EXPECT_EQ(trees::newest_time(listing(1'700'000'000), trees::earliest_epoch), 1'700'000'000);
  EXPECT_EQ(trees::newest_time(listing(1'700'000'000), 1'800'000'000), 1'800'000'000);
  EXPECT_EQ(trees::newest_time(listing(5), trees::earliest_epoch), trees::earliest_epoch);
  EXPECT_EQ(trees::newest_time(listing(300'000'000'000), trees::earliest_epoch),
            trees::earliest_epoch);  // the year 11476
  EXPECT_EQ(trees::newest_time(listing(2'147'483'647), trees::earliest_epoch), trees::earliest_epoch);  // the last
}

/// A change of what is canonical is a change of rules: raise rules(StepKind::install) and rules(StepKind::setup)
/// (store/step.cpp), say it in docs/hash-contract.md, and put numbers and digest here.
TEST(Rules, OfInstallationsStandForTheTableOfWhatIsCanonical) {
  std::string table;
  for (const auto& rule : canonical_rules())
    table += std::string(rule.pattern) + ' ' + std::to_string(static_cast<int>(rule.action)) + ' ' +
             std::string(rule.link_target) + '\n';
  EXPECT_EQ(rules(StepKind::install), "4");
  EXPECT_EQ(rules(StepKind::setup), "4");
  EXPECT_EQ(blake3(table).hex(), "400719e3bd6465290dde3bec4c0782ab0a12c2dbef52d57f3a4324d29e2aa924");
}

}  // namespace
}  // namespace karapace::steps
