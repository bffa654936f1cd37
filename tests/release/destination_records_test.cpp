// SPDX-License-Identifier: Apache-2.0
// What a destination knows besides what is installed: nothing else tells it, so that it survives damage.
#include <fstream>

#include <gmock/gmock.h>

#include "base/remove_tree.hpp"
#include "release/install.hpp"
#include "release/upkeep.hpp"
#include "release_fixture.hpp"

namespace karapace::release {
namespace {

namespace fs = std::filesystem;
using store::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct DestinationRecords : ReleaseTest {
  fs::path own(const std::string& name) const { return destination_ / ".karapace" / name; }
  void damage(const std::string& name) const {
    fs::permissions(own(name), fs::perms::owner_write, fs::perm_options::add);
    std::ofstream(own(name), std::ios::trunc) << "{";
  }
};

TEST_F(DestinationRecords, OfUsedIdsSurviveDamageOfEitherCopy) {
  for (const auto* content : {"one", "two", "three"}) install_of("1.0.0", content);
  prune(Destination::open(destination_), 1, PruneMode::remove, {});
  remove_tree(destination_ / "versions/1.0.0+3");  // so that nothing but the record knows of it
  damage("used.json");
  EXPECT_EQ(install_of("1.0.0", "four").version, "1.0.0+4");
  damage("used.json.copy");
  EXPECT_EQ(install_of("1.0.0", "five").version, "1.0.0+5");
  damage("used.json");
  damage("used.json.copy");
  EXPECT_THAT(error_of([&] { install_of("1.0.0", "six"); }), HasSubstr("may be used again"));
}

TEST_F(DestinationRecords, OfUsedIdsTheHighestOfBothCopiesCounts) {
  install_of("1.0.0", "one");
  for (const auto* name : {"used.json", "used.json.copy"}) {
    fs::permissions(own(name), fs::perms::owner_write, fs::perm_options::add);
    std::ofstream(own(name), std::ios::trunc) << R"({"format":1,"highest":{"1.0.0":7}})";
    std::vector<std::string> faults;
    for (const auto& fault : misfits(Destination::open(destination_))) faults.push_back(fault.where);
    EXPECT_THAT(faults, ElementsAre(".karapace/used.json"));
    // Whatever changes the destination mends them.
    choose_link(Destination::open(destination_), "site", "latest", {});
    EXPECT_EQ(read(own("used.json")), read(own("used.json.copy")));
    EXPECT_EQ(Destination::open(destination_).used_id("1.0.0"), 7U);
    EXPECT_THAT(misfits(Destination::open(destination_)), testing::IsEmpty());
    for (const auto* other : {"used.json", "used.json.copy"}) {
      fs::permissions(own(other), fs::perms::owner_write, fs::perm_options::add);
      std::ofstream(own(other), std::ios::trunc) << R"({"format":1,"highest":{"1.0.0":1}})";
    }
  }
}

TEST_F(DestinationRecords, OfWhichACopyIsLostComeBack) {
  install_of("1.0.0", "one");
  choose_link(Destination::open(destination_), "stable", "1.0.0+1", {});
  for (const auto* name : {"used.json", "used.json.copy", "links.json", "links.json.copy"}) {
    fs::remove(own(name));
    EXPECT_THAT(misfits(Destination::open(destination_)), testing::SizeIs(1));
    choose_link(Destination::open(destination_), "stable", "1.0.0+1", {});
    EXPECT_THAT(misfits(Destination::open(destination_)), testing::IsEmpty());
  }
  EXPECT_EQ(Destination::open(destination_).wishes().chosen, (Wishes{{"stable", "1.0.0+1"}}));
}

TEST_F(DestinationRecords, OfChosenLinksSurviveDamage) {
  install_of("1.0.0", "one");
  install_of("2.0.0", "two");
  auto destination = Destination::open(destination_);
  destination.set_wishes({.manifest = {}, .chosen = {{"stable", "1.0.0+1"}}});
  damage("links.json");
  install_of("3.0.0", "three");
  EXPECT_EQ(destination.resolve("stable"), "1.0.0+1");
}

TEST_F(DestinationRecords, NothingIsPrunedWhenAVersionThatStaysSaysSomethingElseThanWhenItWasInstalled) {
  install_of("1.0.0", "one");
  install_of("2.0.0", "two");
  const auto document = destination_ / "versions/2.0.0+1/release.json";
  auto text = read(document);
  const auto at = text.find("\"entry\": \"") + 10;
  text[at] = text[at] == 'a' ? 'b' : 'a';
  fs::permissions(document, fs::perms::owner_write, fs::perm_options::add);
  std::ofstream(document, std::ios::trunc) << text;
  const auto destination = Destination::open(destination_);
  const auto before = destination.entries();
  EXPECT_THAT(error_of([&] { prune(destination, 1, PruneMode::remove, {}); }),
              HasSubstr("nothing is removed, as 2.0.0+1 has another release.json"));
  EXPECT_EQ(destination.entries(), before);
}

TEST_F(DestinationRecords, NothingIsPrunedWhenAVersionThatStaysLacksAPackage) {
  install_of("1.0.0", "one");
  install_of("2.0.0", "two");
  const auto destination = Destination::open(destination_);
  const auto gone = destination.document("2.0.0+1").packages.front().entry;
  remove_tree(destination.entry(gone));
  EXPECT_THAT(error_of([&] { prune(destination, 1, PruneMode::remove, {}); }), HasSubstr("lacks its package " + gone));
  EXPECT_THAT(destination.versions(), ElementsAre("1.0.0+1", "2.0.0+1"));
}

TEST_F(DestinationRecords, LinksThatLeadInACircleTogetherWithChosenOnesAreToldBeforeAnythingIsInstalled) {
  install_of("1.0.0", "one");
  auto destination = Destination::open(destination_);
  destination.set_wishes({.manifest = {}, .chosen = {{"stable", "tested"}}});
  auto release = release_of("2.0.0", "two");
  release.declared.links = {{"tested", "stable"}};
  EXPECT_THAT(error_of([&] { install(store_, release, options()); }), HasSubstr("circle"));
  EXPECT_THAT(destination.versions(), ElementsAre("1.0.0+1"));
  EXPECT_EQ(destination.wishes().manifest, Wishes{});
}

}  // namespace
}  // namespace karapace::release
