// SPDX-License-Identifier: Apache-2.0
// Records that were taken over without what their steps made.
#include "store/absent.hpp"

#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "store/gc.hpp"
#include "store/repair.hpp"
#include "store/root.hpp"
#include "store/verify.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

// fetch <- unpack <- setup, as records of another machine, of whose outputs only the last may be here.
class AbsentTest : public StoreTest {
 protected:
  AbsentTest() {
    fetch_ = {Step::normalised(StepKind::fetch, {{"blake3", blake3("far").hex()}, {"size", "3"}}, {}),
              BlobOutput{BlobId(blake3("far")), Sha256{}, 3}};
    unpack_ = {Step::normalised(StepKind::unpack, {{"format", "tar"}}, {fetch_.step.key()}),
               LayerOutput{LayerId(blake3("far layer"))}};
    setup_ = {Step::normalised(StepKind::setup, {{"run", "x"}}, {unpack_.step.key()}), layer_here()};
    other_ = Step::normalised(StepKind::setup, {{"run", "y"}}, {unpack_.step.key()});
  }
  StepOutput layer_here() {
    fetch(store_, "here");
    return unpack(store_, "here").output;
  }
  void take_all() { add_taken_records(store_, std::vector{fetch_, unpack_, setup_}); }
  bool has_record(const StepRecord& record) { return store_.record(record.step.key()).has_value(); }

  StepRecord fetch_;
  StepRecord unpack_;
  StepRecord setup_;
  Step other_;  // not run anywhere
};

TEST_F(AbsentTest, RecordsOfWhatIsNotHereAreUsableAndNoDamage) {
  take_all();
  for (const auto* record : {&fetch_, &unpack_, &setup_}) EXPECT_TRUE(has_usable_record(store_, record->step.key()));
  EXPECT_TRUE(is_absent(store_, fetch_));
  EXPECT_FALSE(is_absent(store_, setup_));
  EXPECT_TRUE(forget_lost_outputs(store_, {fetch_.step.key(), unpack_.step.key(), setup_.step.key()}).empty());
  const auto report = verify_store(store_, {.repair = Repair::yes});
  for (const auto& problem : report.problems) ADD_FAILURE() << problem.object << problem.reason;
  EXPECT_TRUE(has_record(unpack_));
}

TEST_F(AbsentTest, WhatWasTakenOverIsKnownToBeUntilItIsMadeHere) {
  EXPECT_FALSE(was_taken_over(store_, unpack_step_of("here").key()));
  take_all();
  EXPECT_TRUE(was_taken_over(store_, setup_.step.key()));
  setup_.step = Step::normalised(StepKind::setup, {{"run", "alone"}}, {});
  add_taken_records(store_, std::vector{setup_});
  EXPECT_TRUE(was_taken_over(store_, setup_.step.key())) << "though its output is here";
  store_.add_record(setup_);
  EXPECT_FALSE(was_taken_over(store_, setup_.step.key()));
}

TEST_F(AbsentTest, AnOutputThatWasHereAndIsLostIsStillDamage) {
  take_all();
  const auto layer = std::get<LayerOutput>(setup_.output).layer;
  remove_tree(store_.root() / "layers" / layer.hex());
  EXPECT_FALSE(has_usable_record(store_, setup_.step.key()));
  EXPECT_FALSE(verify_store(store_, {}).problems.empty());
  // It will be made again, of what is made again for it.
  EXPECT_EQ(forget_lost_outputs(store_, {setup_.step.key()}).size(), 3U);
  EXPECT_FALSE(has_record(fetch_));
}

TEST_F(AbsentTest, WhatAStepWithoutARecordReadsIsForgottenSoThatItIsMade) {
  take_all();
  EXPECT_EQ(forget_absent_inputs(store_, std::vector<const Step*>{&setup_.step}).size(), 0U);
  EXPECT_EQ(forget_absent_inputs(store_, std::vector<const Step*>{&setup_.step, &other_}).size(), 2U);
  EXPECT_FALSE(has_record(fetch_));
  EXPECT_FALSE(has_record(unpack_));
  EXPECT_TRUE(has_record(setup_));
}

TEST_F(AbsentTest, WhatWasForgottenForOthersIsStillKnownAndComesBack) {
  take_all();
  const auto before = read_file(store_.step_path(fetch_.step.key()));
  ASSERT_EQ(forget_absent(store_, std::vector{unpack_.step.key()}).size(), 2U);
  EXPECT_TRUE(record_or_forgotten(store_, fetch_.step.key()));
  EXPECT_TRUE(verify_store(store_, {.repair = Repair::yes}).problems.empty());
  remember_absent(store_, std::vector<const Step*>{&fetch_.step, &unpack_.step, &setup_.step});
  EXPECT_EQ(read_file(store_.step_path(fetch_.step.key())), before);
  EXPECT_TRUE(has_usable_record(store_, unpack_.step.key()));
  EXPECT_EQ(forget_absent(store_, std::vector{unpack_.step.key()}).size(), 2U) << "as often as it takes";
  EXPECT_FALSE(has_record(unpack_));
}

TEST_F(AbsentTest, ARepairForgetsWhatIsNeededToMakeAgainWhatItTookOut) {
  take_all();
  const auto layer = std::get<LayerOutput>(setup_.output).layer;
  flip_byte(store_.layer_tree(layer) / "bin/file");
  verify_store(store_, {.repair = Repair::yes});
  EXPECT_FALSE(has_record(setup_));
  EXPECT_FALSE(has_record(unpack_));
  EXPECT_FALSE(has_record(fetch_));
}

TEST_F(AbsentTest, AStepThatFindsAnAbsentInputHasItMadeByTheNextRun) {
  take_all();
  try {
    store_.stage(other_);
    FAIL();
  } catch (const StepError& error) {
    EXPECT_NE(std::string(error.what()).find("run `karapace build` or ninja again"), std::string::npos) << error.what();
  }
  EXPECT_FALSE(has_record(fetch_));
  EXPECT_FALSE(has_record(unpack_));
  // What ninja does then.
  fetch(store_, "far");
  unpack(store_, "far");
  EXPECT_NO_THROW(store_.stage(other_));
}

TEST_F(AbsentTest, AnOutputThatCameLaterIsNotForgotten) {
  fetch(store_, "another");
  const auto made = unpack(store_, "another");
  const auto layer = store_.root() / "layers" / std::get<LayerOutput>(made.output).layer.hex();
  const auto away = temporary_.path() / "away";
  std::filesystem::rename(layer, away);
  unpack_.output = made.output;
  add_taken_records(store_, std::vector{fetch_, unpack_});
  ASSERT_TRUE(is_absent(store_, unpack_));
  std::filesystem::rename(away, layer);
  EXPECT_FALSE(is_absent(store_, unpack_));
  EXPECT_TRUE(forget_absent(store_, std::vector{unpack_.step.key()}).empty());
}

TEST_F(AbsentTest, GcTakesMarksWithTheirRecords) {
  take_all();
  collect_garbage(store_, {});
  EXPECT_FALSE(has_record(fetch_));
  EXPECT_FALSE(has_absent_outputs(store_));
}

TEST_F(AbsentTest, NoRecordIsNewerThanWhatWasMadeOfIt) {
  take_all();
  struct stat first{};
  struct stat last{};
  ASSERT_EQ(::stat(store_.step_path(fetch_.step.key()).c_str(), &first), 0);
  ASSERT_EQ(::stat(store_.step_path(setup_.step.key()).c_str(), &last), 0);
  EXPECT_EQ(first.st_mtim.tv_sec, last.st_mtim.tv_sec);
  EXPECT_EQ(first.st_mtim.tv_nsec, last.st_mtim.tv_nsec);
}

}  // namespace
}  // namespace karapace::store
