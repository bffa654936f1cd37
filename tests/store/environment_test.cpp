// SPDX-License-Identifier: Apache-2.0
#include "store/environment.hpp"

#include <array>
#include <chrono>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "base/json/seal.hpp"
#include "store/gc.hpp"
#include "store/instance.hpp"
#include "store/reference.hpp"
#include "store/root.hpp"
#include "store/runtime_configuration.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

class ReferenceTest : public StoreTest {
 protected:
  /// A root in a real directory of that name.
  Root project(const std::string& name, const std::string& directory) {
    auto at = temporary_.path() / directory;
    ::mkdir(at.c_str(), 0755);
    auto root = root_of(environment_of(store_, directory), name);
    root.manifest = at / "karapace.toml";
    add_root(store_, root);
    return root;
  }
  Reference resolve(std::string_view word, const std::string& directory = "") {
    return resolve_reference(store_, word, temporary_.path() / directory);
  }
};

TEST_F(ReferenceTest, AProjectIsNamedByItsNameItsDirectoryAndItsManifest) {
  auto hello = project("hello", "work");
  project("other", "elsewhere");
  std::filesystem::create_directory_symlink(temporary_.path() / "work", temporary_.path() / "link");
  for (const char* word : {"hello", "./work", "work/", "work/karapace.toml", "link/karapace.toml"}) {
    auto found = resolve(word);
    EXPECT_EQ(found.environment, hello.environment) << word;
    ASSERT_TRUE(found.root) << word;
    EXPECT_EQ(found.root->manifest, hello.manifest) << word;
  }
  EXPECT_EQ(resolve(".", "work").environment, hello.environment);
  EXPECT_EQ(resolve(".", "link").environment, hello.environment);
  EXPECT_EQ(resolve("..", "work/sub").environment, hello.environment);
}

TEST_F(ReferenceTest, AnEnvironmentIsNamedByItsIdOrAUniqueBeginning) {
  auto id = environment_of(store_, "x").id;
  for (std::size_t length : {std::size_t{64}, std::size_t{12}, std::size_t{4}}) {
    auto found = resolve(id.hex().substr(0, length));
    EXPECT_EQ(found.environment, id);
    EXPECT_FALSE(found.root);
  }
  EXPECT_THROW(resolve(id.hex().substr(0, 3)), NotFoundError);
}

TEST_F(ReferenceTest, AnIdStandsForItsProjectWhenOnlyOneHasIt) {
  auto environment = environment_of(store_, "shared");
  auto prefix = environment.id.hex().substr(0, 10);
  EXPECT_FALSE(resolve(prefix).root);
  add_root(store_, root_of(environment, "one"));
  ASSERT_TRUE(resolve(prefix).root);
  EXPECT_EQ(resolve(prefix).root->name, "one");
  add_root(store_, root_of(environment, "two"));
  EXPECT_FALSE(resolve(prefix).root);
}

TEST_F(ReferenceTest, AnInstanceWhoseEnvironmentIsGoneIsStillFoundByItsId) {
  EnvironmentId id(blake3("gone"));
  open_instance(store_, {id, std::nullopt});
  EXPECT_EQ(resolve(id.short_hex()).environment, id);
}

TEST_F(ReferenceTest, WhatIsNotThereIsAnsweredWithASuggestion) {
  project("hello", "work");
  EXPECT_EQ(error_of([&] { resolve("helo"); }), "there is no environment \"helo\"; did you mean \"hello\"?");
  EXPECT_EQ(error_of([&] { resolve("zzzzzzzz"); }),
            "there is no environment \"zzzzzzzz\"; `karapace list` shows what there is");
  EXPECT_EQ(
      error_of([&] { resolve("./"); }),
      fmt::format("no environment was generated from \"{}/karapace.toml\" into the store \"{}\"; run `karapace gen` "
                  "there",
                  temporary_.path().native(), store_.root().native()));
}

TEST_F(ReferenceTest, ADotIsTheNearestProjectAbove) {
  auto hello = project("hello", "site");
  auto below = temporary_.path() / "site/a/b";
  std::filesystem::create_directories(below);
  EXPECT_EQ(resolve(".", "site/a/b").environment, hello.environment);
  EXPECT_EQ(resolve(".", "site/a/b/").environment, hello.environment);
  // One of its own hides those above, also before it is generated.
  std::filesystem::create_symlink("elsewhere", temporary_.path() / "site/a/karapace.toml");
  EXPECT_EQ(
      error_of([&] { resolve(".", "site/a/b"); }),
      fmt::format("no environment was generated from \"{}/site/a/karapace.toml\" into the store \"{}\"; run `karapace "
                  "gen` there",
                  temporary_.path().native(), store_.root().native()));
  EXPECT_THAT(error_of([&] { resolve("."); }),
              ::testing::StartsWith("there is no karapace.toml in \"" + temporary_.path().native()));
  EXPECT_THROW(resolve("..", "site/a/b/c"), NotFoundError);
}

TEST_F(ReferenceTest, AnAmbiguousNameIsAnsweredWithTheCandidates) {
  project("hello", "one");
  project("hello", "two");
  EXPECT_EQ(error_of([&] { resolve("hello"); }),
            fmt::format("\"hello\" is the name of 2 environments; name one by its path:\n  {0}/one/karapace.toml\n"
                        "  {0}/two/karapace.toml",
                        temporary_.path().native()));
}

TEST_F(StoreTest, AnEnvironmentsTextIsDeterministicAndComesBack) {
  Environment environment{EnvironmentId(blake3("e")),
                          StepKey(blake3("s")),
                          {LayerId(blake3("l"))},
                          BlobId(blake3("b")),
                          {{{"PATH", "/bin"}, {"A", "ü"}}, {{"home", "~/x", "/x"}}, true}};
  EXPECT_EQ(Environment::parse(environment.text(), "e").text(), environment.text());
  EXPECT_EQ(environment.runtime.text(),
            "{\"mounts\":[{\"host\":\"~/x\",\"label\":\"home\",\"target\":\"/x\"}],\"network_isolation\":true,"
            "\"variables\":{\"A\":\"ü\",\"PATH\":\"/bin\"}}");
  EXPECT_EQ(RuntimeConfiguration::parse(environment.runtime.text(), "r"), environment.runtime);
}

TEST(Runtime, AccessIsWrittenOnlyWhereItIsReadOnly) {
  RuntimeConfiguration runtime;
  runtime.mounts = {{"home", "~/x", "/x", MountAccess::read_only}, {"work", ".", "/work"}};
  runtime.project = ProjectAccess::read_only;
  EXPECT_EQ(runtime.text(),
            "{\"mounts\":[{\"access\":\"read-only\",\"host\":\"~/x\",\"label\":\"home\",\"target\":\"/x\"},"
            "{\"host\":\".\",\"label\":\"work\",\"target\":\"/work\"}],\"network_isolation\":false,"
            "\"project\":\"read-only\",\"variables\":{}}");
  EXPECT_EQ(RuntimeConfiguration::parse(runtime.text(), "r"), runtime);
}

TEST(Runtime, AnyOtherWordOfAccessIsRefused) {
  for (const char* text :
       {R"({"mounts":[],"network_isolation":false,"project":"read-write","variables":{}})",
        R"({"mounts":[],"network_isolation":false,"project":true,"variables":{}})",
        R"({"mounts":[{"access":"rw","host":"a","label":"b","target":"/c"}],)"
        R"("network_isolation":false,"variables":{}})",
        R"({"mounts":[],"network_isolation":false,"projekt":"read-only","variables":{}})", "[]", "7"})
    EXPECT_THROW(RuntimeConfiguration::parse(text, "r"), StoreError) << text;
}

TEST(ReservedPlace, IsWhatTheSandboxMakesItself) {
  for (const char* path : {"/proc", "/proc/1/fd", "/sys", "/sys/fs", "/dev", "/dev/shm", "/tmp", "/run", "/run/lock",
                           "/etc", "/run/.karapace", "/etc/hosts", "/etc/resolv.conf", "/etc/machine-id"})
    EXPECT_TRUE(reserved_place(path)) << path;
  EXPECT_EQ(reserved_place("/proc/1/fd"), "/proc");
  for (const char* path :
       {"/", "/process", "/tmp/x", "/run/user", "/run/lock/x", "/etc/app", "/usr", "/data/proc", "/devel"})
    EXPECT_FALSE(reserved_place(path)) << path;
}

TEST_F(StoreTest, ARootWithAnyPathComesBack) {
  Root root{
      "odd \n", "/projects/\xff \\ name/karapace.toml", EnvironmentId(blake3("e")), -1, 5, {StepKey(blake3("s"))}};
  add_root(store_, root);
  auto found = find_root(store_, root.manifest);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, root.name);
  EXPECT_EQ(found->manifest, root.manifest);
  EXPECT_EQ(found->manifest_mtime_ns, -1);
  EXPECT_EQ(found->steps, root.steps);
  remove_root(store_, root.manifest);
  EXPECT_FALSE(find_root(store_, root.manifest));
}

TEST_F(StoreTest, ARootOfTheFirstFormatIsReadAndAMadeUpOneIsNot) {
  auto manifest = temporary_.path() / "karapace.toml";
  auto file = store_.roots_path() / blake3(canonical_manifest(manifest).native()).hex();
  auto step = StepKey(blake3("s"));
  auto text = [&](std::string_view format, std::string_view steps, std::string_view lines) {
    return fmt::format(
        "{{\n \"environment\": \"{}\",\n \"format\": {},\n \"lock_mtime_ns\": 1,\n \"manifest\": \"{}\",\n"
        " \"manifest_mtime_ns\": 2,\n \"name\": \"p\",\n \"steps\": {}\n}}\n{}",
        blake3("e").hex(), format, canonical_manifest(manifest).native(), steps, lines);
  };
  auto put = [&](const std::string& record) { std::ofstream(file) << sealed(record); };
  put(text("1", "[\"" + step.hex() + "\"]", ""));
  EXPECT_EQ(find_root(store_, manifest)->steps, std::vector{step});
  put(text("2", "1", step.hex() + "\n"));
  EXPECT_EQ(find_root(store_, manifest)->steps, std::vector{step});
  for (const auto& bad :
       {text("2", "2", step.hex() + "\n"), text("2", "1", step.hex()), text("2", "1", std::string(64, 'x') + "\n"),
        text("2", "1", step.hex() + "\n\n"), text("3", "0", ""), text("2", "-1", ""), std::string("{\n")}) {
    put(bad);
    EXPECT_THROW(find_root(store_, manifest), StoreError) << bad;
  }
}

TEST_F(StoreTest, ARootKeepsTheDirectoriesOfItsGraphsWhileTheyAreThere) {
  auto one = temporary_.path() / "one \xff";
  auto two = temporary_.path() / "two";
  for (const auto& directory : {one, two}) std::filesystem::create_directory(directory);
  Root root{"p", temporary_.path() / "karapace.toml", EnvironmentId(blake3("e")), 1, 2, {}};
  root.graphs = {{two, {root.manifest}}};
  add_root(store_, root);
  root.graphs = {{one, {}}};
  add_root(store_, root);
  EXPECT_EQ(find_root(store_, root.manifest)->graphs, (std::vector<GraphPlace>{{one, {}}, {two, {root.manifest}}}));
  std::filesystem::remove(two);
  add_root(store_, root);
  EXPECT_EQ(find_root(store_, root.manifest)->graphs, (std::vector<GraphPlace>{{one, {}}}));
}

/// This process may no longer do what only root may.
void drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) throw std::runtime_error("capset failed");
}

TEST_F(StoreTest, ARootKeepsGraphsThatCanNotBeLookedAtNow) {
  const auto closed = temporary_.path() / "closed";
  const auto graph = closed / "graph";
  std::filesystem::create_directories(graph / ".karapace");
  std::ofstream(graph / "build.ninja") << "# a graph\n";
  const Root root{"p", temporary_.path() / "karapace.toml", EnvironmentId(blake3("e")), 1, 2, {}};
  auto with_graph = root;
  with_graph.graphs = {{graph, {graph / "build.ninja"}}};
  add_root(store_, with_graph);
  ASSERT_EQ(::chmod(closed.c_str(), 0), 0);
  const auto child = fork_child([&] {
    drop_capabilities();
    add_root(store_, root);  // of another graph, or none
    forget_lost_graphs(store_, *find_root(store_, root.manifest));
    return find_root(store_, root.manifest)->graphs == with_graph.graphs ? 0 : 1;
  });
  EXPECT_EQ(wait_for(child), 0);
  ASSERT_EQ(::chmod(closed.c_str(), 0700), 0);
}

TEST_F(StoreTest, ARootWithoutGraphsIsWrittenAsItWasBeforeThereWereAny) {
  Root root{"p", temporary_.path() / "karapace.toml", EnvironmentId(blake3("e")), 1, 2, {}};
  add_root(store_, root);
  auto path = store_.roots_path() / blake3(canonical_manifest(root.manifest).native()).hex();
  EXPECT_EQ(read_file(path).find("graphs"), std::string::npos);
  EXPECT_TRUE(find_root(store_, root.manifest)->graphs.empty());
}

TEST_F(StoreTest, AnInstanceIsMadeOnceAndRemovedOnlyWithoutSessions) {
  auto environment = environment_of(store_, "x");
  Reference reference{environment.id, root_of(environment, "x")};
  auto instance = open_instance(store_, reference);
  EXPECT_EQ(instance.id, instance_id(reference));
  EXPECT_EQ(instance.id.size(), 16u);
  EXPECT_EQ(instance.current.environment, environment.id);
  EXPECT_TRUE(std::filesystem::is_directory(instance.upper()));
  EXPECT_TRUE(std::filesystem::is_directory(instance.work()));
  write_file_atomically(instance.upper() / "note", "mine", Durable::no);
  EXPECT_EQ(open_instance(store_, reference).directory, instance.directory);
  EXPECT_NE(open_instance(store_, {environment.id, std::nullopt}).directory, instance.directory);
  {
    auto session = use_instance(instance);
    ASSERT_TRUE(session);
    EXPECT_TRUE(instance_in_use(instance));
    EXPECT_FALSE(remove_instance(store_, instance));
    EXPECT_TRUE(std::filesystem::exists(instance.upper() / "note"));
  }
  EXPECT_FALSE(instance_in_use(instance));
  EXPECT_TRUE(remove_instance(store_, instance));
  EXPECT_FALSE(use_instance(instance));
  EXPECT_EQ(instances(store_).whole.size(), 1u);
}

TEST_F(StoreTest, AnInstancesDirectoriesHaveTheSameModesUnderEveryUmask) {
  auto environment = environment_of(store_, "x");
  auto before = ::umask(077);
  auto instance = open_instance(store_, {environment.id, std::nullopt});
  ::umask(before);
  for (const auto& path : {instance.directory, instance.upper(), instance.work()}) {
    struct stat status{};
    ::stat(path.c_str(), &status);
    EXPECT_EQ(status.st_mode & 07777, 0755u) << path;
  }
}

TEST_F(StoreTest, LookingForAnInstanceMakesNone) {
  Reference reference{environment_of(store_, "x").id, std::nullopt};
  EXPECT_FALSE(find_instance(store_, reference));
  EXPECT_TRUE(instances(store_).whole.empty());
  auto instance = open_instance(store_, reference);
  EXPECT_EQ(find_instance(store_, reference)->directory, instance.directory);
}

TEST_F(StoreTest, AnInstanceWithoutItsRecordIsDamaged) {
  Reference reference{environment_of(store_, "x").id, std::nullopt};
  auto instance = open_instance(store_, reference);
  ::unlink((instance.directory / "instance.json").c_str());
  EXPECT_NE(error_of([&] { open_instance(store_, reference); }).find("is damaged (its check is missing)"),
            std::string::npos);
}

// Processes that use an instance first, destroy it, and look at all of them, at once: nobody may call one damaged.
TEST_F(StoreTest, ManyFirstUsesAndRemovalsOfAnInstanceAtOnceAllSucceed) {
  Reference reference{environment_of(store_, "x").id, std::nullopt};
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  auto repeat = [&](const std::function<void()>& action) {
    return fork_child([&] {
      while (std::chrono::steady_clock::now() < until) action();
      return 0;
    });
  };
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(repeat([&] { use_instance(open_instance(store_, reference)); }));
    children.push_back(repeat([&] {
      if (auto found = find_instance(store_, reference)) remove_instance(store_, *found);
    }));
  }
  children.push_back(repeat([&] { instances(store_); }));
  GcOptions look;
  look.dry_run = DryRun::yes;
  children.push_back(repeat([&] { collect_garbage(store_, look); }));
  for (pid_t child : children) EXPECT_EQ(wait_for(child), 0);
  for (const auto& name : names_in(store_.staging_path())) {
    for (const auto& left : std::filesystem::recursive_directory_iterator(store_.staging_path() / name))
      ADD_FAILURE() << left.path();
    ADD_FAILURE() << name;
  }
}

TEST_F(StoreTest, AnEnvironmentThatIsNotBuiltCanNotBeUsed) {
  EnvironmentId id(blake3("nothing"));
  EXPECT_EQ(error_of([&] { use_environment(store_, id); }),
            fmt::format("the environment {} is not built; run ninja", id.short_hex()));
}

}  // namespace
}  // namespace karapace::store
