// SPDX-License-Identifier: Apache-2.0
// What a step's key says about the release that makes its result: the number of its rules, and no date.
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "runtime/sandbox/first_entry.hpp"
#include "runtime/steps/canonical_rules.hpp"
#include "runtime/steps/layer_build.hpp"
#include "runtime/steps/remade_files.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/listing.hpp"

namespace karapace::steps {
namespace {

TEST(Rules, OfAnotherReleaseAreRefused) {
  for (auto kind : {StepKind::unpack, StepKind::install, StepKind::setup, StepKind::commit, StepKind::source,
                    StepKind::compile, StepKind::assemble}) {
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

/// A change of what is canonical, or made again, is a change of rules: raise rules(StepKind::install),
/// rules(StepKind::setup) and rules(StepKind::compile) (store/step.cpp), say it in docs/hash-contract.md, and put
/// numbers and digest here.
TEST(Rules, OfInstallationsStandForTheTablesOfWhatIsCanonical) {
  std::string table;
  for (const auto& rule : canonical_rules())
    table += std::string(rule.pattern) + ' ' + std::to_string(static_cast<int>(rule.action)) + ' ' +
             std::string(rule.link_target) + '\n';
  for (const auto& file : remade_files())
    table += std::string(file.pattern) + ' ' + std::string(file.program) + ' ' + std::string(file.command) + '\n';
  for (const auto& [name, value] : build_variables(0)) table += name + '=' + value + '\n';
  EXPECT_EQ(rules(StepKind::install), "5");
  EXPECT_EQ(rules(StepKind::setup), "5");
  EXPECT_EQ(rules(StepKind::compile), "1");
  EXPECT_EQ(blake3(table).hex(), "3390408d5daf3ef32c2f931958071eb91a5a6c259362e898922c3d02bc603c77");
}

TEST(Rules, OfWhatIsLeftOutNameWhatMakesItAtTheFirstEntry) {
  std::set<std::string_view> named;
  for (const auto& rule : canonical_rules())
    if (rule.action == CanonicalAction::at_first_entry) named.insert(rule.reason);
  for (const auto name : named) EXPECT_NE(sandbox::find_instance_secret(name), nullptr) << name;
  for (const auto& secret : sandbox::instance_secrets()) EXPECT_TRUE(named.contains(secret.name)) << secret.name;
}

}  // namespace
}  // namespace karapace::steps
