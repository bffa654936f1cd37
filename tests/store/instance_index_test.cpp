// SPDX-License-Identifier: Apache-2.0
#include "store/instance_index.hpp"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "store/cached_text.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

namespace fs = std::filesystem;

/// Enough for an index: one, and copies.
class InstanceIndexTest : public StoreTest {
 protected:
  static constexpr int count = 40;

  InstanceIndexTest() {
    instances_.push_back(open_instance(store_, {environment_.id, {}, {}}));
    for (int i = 1; i < count; ++i) {
      const auto id = fmt::format("{:016x}", i);
      fs::copy(instances_[0].directory, store_.instances_path() / id, fs::copy_options::recursive);
      instances_.push_back(find_instance(store_, id).value());
    }
  }

  fs::path index() const { return store_.root() / "instances.index"; }
  /// There is one of all as soon as the last change is a tick of the clock old.
  void settle() const {
    for (int tries = 0; tries < 1000; ++tries) {
      indexed_instances(store_);
      const auto kept = cached_text(store_, "instances.index").value_or("");
      if (std::count(kept.begin(), kept.end(), '\n') == 1 + count) return;
      ::usleep(2000);
    }
    FAIL() << "no index was kept";
  }
  void expect_same() const {
    const auto expected = instances(store_).whole;
    const auto found = indexed_instances(store_).whole;
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(text_of(found[i].instance), text_of(expected[i]));
      EXPECT_EQ(found[i].sessions, read_file_if_exists(expected[i].directory / "session").value_or(""));
    }
  }
  static std::string text_of(const Instance& instance) {
    auto text = fmt::format("{} {} {} {} {} {} {}", instance.id, instance.name, instance.created, instance.frozen,
                            instance.archived, instance.manifest.value_or("").string(), instance.directory.string());
    for (const auto& generation : {std::optional(instance.current), instance.previous, instance.next})
      text += generation ? fmt::format("; {} {} {}", generation->number, generation->environment.hex(),
                                       generation->directory.string())
                         : "; none";
    return text;
  }

  Environment environment_ = environment_of(store_, "content");
  std::vector<Instance> instances_;
};

TEST_F(InstanceIndexTest, TellsWhatTheRecordsSay) {
  expect_same();
  settle();
  expect_same();
}

TEST_F(InstanceIndexTest, WhateverHappensToAnInstanceIsSeenAtOnce) {
  settle();
  auto& frozen = instances_[3];
  frozen.frozen = true;
  write_instance(frozen);
  expect_same();
  remove_instance(store_, instances_[4]);
  expect_same();
  set_environment(instances_[5].current, environment_of(store_, "another").id);
  expect_same();
  const auto staging = store_.stage();
  make_generation(staging.path() / "made", 2, environment_.id, Durable::no);
  replace_generation(store_, instances_[6].directory, staging.path() / "made");
  expect_same();
  exchange_generations(instances_[6].directory);
  expect_same();
  for (const auto* sessions : {"1 2 root\n", "1 3 root\n", "", "not\tof\\ours\n"}) {
    std::ofstream(instances_[7].directory / "session") << sessions;
    expect_same();
  }
  open_instance(store_, {environment_of(store_, "a third").id, {}, {}});
  expect_same();
}

TEST_F(InstanceIndexTest, ARecordThatIsWrittenInPlaceIsReadAndWhatIsDamagedIsTold) {
  settle();
  const auto record = instances_[7].directory / "instance.json";
  const auto other = read_file(instances_[8].directory / "instance.json");
  ASSERT_EQ(::chmod(record.c_str(), 0644), 0);
  std::ofstream(record) << other;
  expect_same();
  flip_byte(instances_[9].current.directory / "generation.json");
  const auto damaged = indexed_instances(store_).damaged;
  ASSERT_EQ(damaged.size(), 1U);
  EXPECT_EQ(damaged[0].id, instances_[9].id);
  expect_same();
}

TEST_F(InstanceIndexTest, ADamagedIndexIsNotBelievedAndMadeAnew) {
  settle();
  flip_byte(index());
  expect_same();
  settle();
  fs::remove(index());
  expect_same();
}

TEST_F(InstanceIndexTest, AStoreThatCanNotBeWrittenIsRead) {
  const auto aside = store_.root() / "aside";
  fs::rename(store_.staging_path(), aside);
  write_file_atomically(store_.staging_path(), "nobody, root neither, makes anything in this", Durable::no);
  expect_same();
  EXPECT_FALSE(fs::exists(index()));
  fs::remove(store_.staging_path());
  fs::rename(aside, store_.staging_path());
}

}  // namespace
}  // namespace karapace::store
