// SPDX-License-Identifier: Apache-2.0
#include "store/root_index.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "base/json/seal.hpp"
#include "store/cached_text.hpp"
#include "store/gc.hpp"
#include "store/identifiers.hpp"
#include "store/reference.hpp"
#include "store/root.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

class RootIndexTest : public StoreTest {
 protected:
  std::filesystem::path manifest(const std::string& directory) const {
    return temporary_.path() / directory / "karapace.toml";
  }
  Root root(const std::string& name, const std::string& directory, std::vector<GraphPlace> graphs = {}) const {
    return {name, manifest(directory), EnvironmentId(blake3(name)), 1, 2, {StepKey(blake3("s"))}, std::move(graphs)};
  }
  std::filesystem::path file() const { return store_.root() / "roots.index"; }
  std::string record_of(const std::string& directory) const {
    return blake3(canonical_manifest(manifest(directory)).native()).hex();
  }
  std::vector<IndexedRoot> indexed() const { return RootIndex::read(store_).all(); }
  std::vector<IndexedRoot> as_recorded() const {
    std::vector<IndexedRoot> all;
    for (const auto& one : roots(store_)) {
      all.push_back({blake3(one.manifest.native()).hex(), one.environment, one.name, one.manifest});
      for (const auto& graph : one.graphs) all.back().directories.push_back(graph.directory);
    }
    return all;
  }
  /// An index that counts: there is one as soon as the last change is a tick of the clock old.
  void settle() const {
    std::filesystem::remove(file());
    for (int tries = 0; tries < 1000 && !std::filesystem::exists(file()); ++tries) {
      ::usleep(2000);
      indexed();
    }
    ASSERT_TRUE(std::filesystem::exists(file()));
  }
  std::vector<std::string> names_below(const std::filesystem::path& directory) const {
    std::vector<std::string> names;
    for (const auto& one : roots_in(store_, {directory})) names.push_back(one.name);
    std::sort(names.begin(), names.end());
    return names;
  }
};

TEST_F(RootIndexTest, SaysWhatTheRecordsSay) {
  EXPECT_TRUE(indexed().empty());
  ::mkdir((temporary_.path() / "graphs").c_str(), 0755);
  add_root(store_, root("b", "one", {{temporary_.path() / "graphs", {}}}));
  add_root(store_, root("b", "another"));
  add_root(store_, root("odd \n\t\\ \xff", "odd \n\t\\ \xff"));
  EXPECT_EQ(indexed(), as_recorded());
  settle();
  EXPECT_EQ(indexed(), as_recorded());
  const auto index = RootIndex::read(store_);
  EXPECT_EQ(index.named("b").size(), 2u);
  EXPECT_EQ(index.named("odd \n\t\\ \xff").size(), 1u);
  EXPECT_TRUE(index.named("").empty());
  EXPECT_TRUE(index.named("odd").empty());
}

TEST_F(RootIndexTest, WhoIsBelowADirectoryIsFoundAndItsNeighbourIsNot) {
  ::mkdir((temporary_.path() / "p1").c_str(), 0755);
  add_root(store_, root("one", "p1"));
  add_root(store_, root("ten", "p10"));
  add_root(store_, root("inner", "p1/a \xff\\/b"));
  add_root(store_, root("far", "elsewhere", {{temporary_.path() / "p1", {}}}));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(names_below(temporary_.path() / "p1"), (std::vector<std::string>{"far", "inner", "one"}));
    EXPECT_EQ(names_below(temporary_.path() / "p1/"), (std::vector<std::string>{"far", "inner", "one"}));
    EXPECT_EQ(names_below(temporary_.path() / "p1/a \xff\\"), (std::vector<std::string>{"inner"}));
    EXPECT_EQ(names_below(manifest("p10")), (std::vector<std::string>{"ten"}));
    EXPECT_EQ(names_below("/").size(), 4u);
    EXPECT_TRUE(names_below(temporary_.path() / "p").empty());
    EXPECT_TRUE(names_below("/nowhere").empty());
    settle();
  }
}

TEST_F(RootIndexTest, NoChangeIsOverlookedHoweverSoonItComes) {
  const auto aside = temporary_.path() / "aside";
  const auto record = store_.roots_path() / record_of("p");
  for (int i = 0; i < 20; ++i) {
    add_root(store_, root(fmt::format("name{}", i), "p"));
    EXPECT_EQ(indexed(), as_recorded());
    add_root(store_, root("q", "q"));
    EXPECT_EQ(indexed(), as_recorded());
    remove_root(store_, manifest("q"));
    EXPECT_EQ(indexed(), as_recorded());
    if (i % 5 == 0) settle();
  }
  // Many in one tick of the clock, as somebody makes them who knows no index.
  for (int i = 0; i < 500; ++i) {
    std::filesystem::rename(record, aside);
    ASSERT_TRUE(indexed().empty()) << i;
    std::filesystem::rename(aside, record);
    ASSERT_EQ(indexed().size(), 1u) << i;
  }
}

TEST_F(RootIndexTest, ARecordThatIsRestoredInPlaceIsSeen) {
  const auto record = store_.roots_path() / record_of("p");
  add_root(store_, root("others", "others"));
  std::vector<std::string> texts;
  for (const char* name : {"one", "two"}) {
    add_root(store_, root(name, "p"));
    texts.push_back(read_file(record));
  }
  std::filesystem::permissions(record, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
  for (std::size_t i = 0; i < 20; ++i) {
    settle();
    const auto directory = std::filesystem::last_write_time(store_.roots_path());
    std::ofstream(record) << texts[i % 2];  // as cp(1) does
    ASSERT_EQ(std::filesystem::last_write_time(store_.roots_path()), directory);
    const std::string name = i % 2 == 0 ? "one" : "two";
    if (i % 4 < 2) {
      ASSERT_EQ(RootIndex::read(store_).named(name).size(), 1u) << i;
    }
    ASSERT_EQ(resolve_reference(store_, name, "/").environment, EnvironmentId(blake3(name))) << i;
    ASSERT_EQ(names_below(manifest("p").parent_path()), std::vector{name}) << i;
    ASSERT_EQ(indexed(), as_recorded()) << i;
  }
}

TEST_F(RootIndexTest, ManyWritesInPlaceInOneTickAreSeen) {
  const auto record = store_.roots_path() / record_of("p");
  std::vector<std::string> texts;
  for (const char* name : {"one", "two"}) {
    add_root(store_, root(name, "p"));
    texts.push_back(read_file(record));
  }
  std::filesystem::permissions(record, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
  for (std::size_t i = 0; i < 300; ++i) {
    std::ofstream(record) << texts[i % 2];
    ASSERT_EQ(RootIndex::read(store_).named(i % 2 == 0 ? "one" : "two").size(), 1u) << i;
  }
}

TEST_F(RootIndexTest, ARecordOfTheSameSizeInPlaceOfAnotherIsSeen) {
  const auto record = store_.roots_path() / record_of("p");
  add_root(store_, root("others", "others"));
  std::vector<std::string> texts;
  for (const char* name : {"one", "two"}) {
    add_root(store_, root(name, "p"));
    texts.push_back(read_file(record));
  }
  ASSERT_EQ(texts[0].size(), texts[1].size());
  for (std::size_t i = 0; i < 500; ++i) {
    write_file_atomically(record, texts[i % 2], Durable::no);
    const auto index = RootIndex::read(store_);
    ASSERT_EQ(index.named(i % 2 == 0 ? "one" : "two").size(), 1u) << i;
    ASSERT_EQ(index.all().size(), 2u) << i;
    if (i % 50 == 0) settle();
  }
}

TEST_F(RootIndexTest, ADirectoryThatTakesThePlaceOfTheRootsIsSeen) {
  add_root(store_, root("p", "p"));
  settle();
  std::filesystem::copy(store_.roots_path(), temporary_.path() / "copy");
  std::filesystem::remove(temporary_.path() / "copy" / record_of("p"));
  std::filesystem::rename(store_.roots_path(), temporary_.path() / "old");
  std::filesystem::rename(temporary_.path() / "copy", store_.roots_path());
  EXPECT_TRUE(indexed().empty());
}

TEST_F(RootIndexTest, ADamagedIndexIsNotBelieved) {
  add_root(store_, root("p", "p"));
  settle();
  const auto good = read_file(file());
  auto put = [&](const std::string& text) {
    std::filesystem::remove_all(file());
    std::ofstream(file()) << text;
  };
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    put(bad);
    ASSERT_EQ(indexed(), as_recorded()) << i;
  }
  for (std::size_t i = 0; i < good.size(); i += 9) {
    put(good.substr(0, i));
    ASSERT_EQ(indexed(), as_recorded()) << i;
  }
  put("karapace roots.index 2 of a newer release\n");
  EXPECT_EQ(indexed(), as_recorded());
  put("");
  EXPECT_EQ(indexed(), as_recorded());
  keep_text(store_, store_.stage(), "roots.index", "fields 2 of a newer release\n\n\t\n");
  EXPECT_EQ(indexed(), as_recorded());
  std::filesystem::remove(file());
  ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
  EXPECT_EQ(indexed(), as_recorded());
  std::filesystem::remove(file());
  std::filesystem::create_directories(file() / "in the way");
  EXPECT_EQ(indexed(), as_recorded());
}

TEST_F(RootIndexTest, WhereNoneCanBeWrittenTheRecordsAreRead) {
  add_root(store_, root("p", "p"));
  ::usleep(20000);
  std::filesystem::rename(store_.staging_path(), temporary_.path() / "staging");
  EXPECT_EQ(indexed(), as_recorded());
  EXPECT_FALSE(std::filesystem::exists(file()));
  std::filesystem::rename(temporary_.path() / "staging", store_.staging_path());
}

TEST_F(RootIndexTest, ADamagedRecordIsToldAndNothingIsBelievedOfTheRest) {
  add_root(store_, root("bad", "bad"));
  add_root(store_, root("good", "good"));
  flip_byte(store_.roots_path() / record_of("bad"));
  ::usleep(20000);
  for (int round = 0; round < 2; ++round) {
    EXPECT_NE(error_of([&] { indexed(); }).find(record_of("bad")), std::string::npos);
    EXPECT_NE(error_of([&] { names_below(temporary_.path()); }).find(record_of("bad")), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(RootIndexTest, AnotherProjectsDamageDoesNotKeepAProjectFromItsName) {
  add_root(store_, root("bad", "bad"));
  add_root(store_, root("good", "good"));
  settle();
  flip_byte(store_.roots_path() / record_of("bad"));
  EXPECT_EQ(resolve_reference(store_, "good", "/").root->manifest, manifest("good"));
  EXPECT_NE(error_of([&] { resolve_reference(store_, "bad", "/"); }).find("verify-store --repair"), std::string::npos);
  EXPECT_EQ(names_below(manifest("good").parent_path()), (std::vector<std::string>{"good"}));
  // A session that shows it would not know what to cover.
  EXPECT_NE(error_of([&] { names_below(temporary_.path()); }).find("verify-store --repair"), std::string::npos);
}

TEST_F(RootIndexTest, ADirectoryThatIsNamedAsARecordDoesNotMislead) {
  auto other = root("other", "other");
  const auto below = temporary_.path() / record_of("wanted") / "z";  // the line ends in it, and comes first
  other.graphs = {{temporary_.path() / record_of("wanted"), {}}, {below, {}}};
  add_root(store_, other);
  add_root(store_, root("wanted", "wanted"));
  settle();
  for (const std::string name : {"other", "wanted"}) {
    const auto found = RootIndex::find(store_, name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->manifest, manifest(name));
    EXPECT_EQ(resolve_reference(store_, name, "/").root->manifest, manifest(name));
  }
}

TEST_F(RootIndexTest, AProjectIsFoundByTheDirectoryOfItsKeyring) {
  auto one = root("keys", "keys");
  const auto keyring = temporary_.path() / "keyrings/tools.asc";
  one.graphs = {{manifest("keys").parent_path(), {manifest("keys"), keyring}}};
  add_root(store_, one);
  settle();
  EXPECT_EQ(names_below(keyring.parent_path()), (std::vector<std::string>{"keys"}));
}

TEST_F(RootIndexTest, RecordsOfTheFirstFormatAreInIt) {
  const auto path = store_.roots_path() / record_of("old");
  std::ofstream(path) << sealed(
      fmt::format("{{\n \"environment\": \"{}\",\n \"format\": 1,\n \"lock_mtime_ns\": 1,\n \"manifest\": \"{}\",\n"
                  " \"manifest_mtime_ns\": 2,\n \"name\": \"old\",\n \"steps\": [\"{}\"]\n}}\n",
                  blake3("e").hex(), manifest("old").native(), blake3("s").hex()));
  settle();
  EXPECT_EQ(indexed(), as_recorded());
  EXPECT_EQ(names_below(temporary_.path() / "old"), (std::vector<std::string>{"old"}));
  EXPECT_EQ(resolve_reference(store_, "old", "/").root->manifest, manifest("old"));
}

TEST_F(RootIndexTest, NothingIsLeftInStaging) {
  add_root(store_, root("p", "p"));
  settle();
  EXPECT_TRUE(names_in(store_.staging_path()).empty());
}

/// Adds, renames and removes a project of its own; 0 when it saw each change at once and no other change undid it.
int live(const Store& store, const std::filesystem::path& directory, const std::string& own) {
  const auto manifest = directory / own / "karapace.toml";
  auto found = [&](const std::string& name) { return RootIndex::read(store).named(name).size(); };
  auto shown = [&] { return roots_in(store, {directory / own}).size(); };
  for (int i = 0; i < 25; ++i) {
    const auto name = fmt::format("{}-{}", own, i % 2);
    const auto other = fmt::format("{}-{}", own, 1 - i % 2);
    add_root(store, {name, manifest, EnvironmentId(blake3(own)), 1, 2, {}});
    if (found(name) != 1 || found(other) != 0 || shown() != 1) return 1;
    if (resolve_reference(store, name, "/").root->manifest != manifest) return 2;
    if (found("stays") != 1) return 3;
    if (i % 5 != 4) continue;
    remove_root(store, manifest);
    if (found(name) != 0 || shown() != 0) return 4;
    collect_garbage(store, {});
  }
  return 0;
}

TEST_F(RootIndexTest, SixteenThatAddRemoveAndCollectSeeEachOfTheirChangesAtOnce) {
  add_root(store_, root("stays", "stays"));
  std::array<pid_t, 16> children{};
  for (std::size_t i = 0; i < children.size(); ++i) {
    children.at(i) = fork_child([&] { return live(store_, temporary_.path(), fmt::format("own{}", i)); });
  }
  for (auto child : children) EXPECT_EQ(wait_for(child), 0);
  EXPECT_EQ(indexed(), as_recorded());
  settle();
  EXPECT_EQ(indexed(), as_recorded());
}

}  // namespace
}  // namespace karapace::store
