// SPDX-License-Identifier: Apache-2.0
// `karapace gen` and the graph that writes itself again, with a hand-made lock and a store of its own. Nothing here
// asks the network: the lock's base is an archive, and only build.ninja is built.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "generator/graph/quoting.hpp"
#include "generator/lock/lock_file.hpp"
#include "generator/manifest/manifest.hpp"
#include "generator/project/control_files.hpp"
#include "sample_lock.hpp"
#include "store/environment.hpp"
#include "store/shown.hpp"
#include "store/fd.hpp"

namespace karapace::generator {
namespace {

namespace fs = std::filesystem;

class Gen : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::path(::testing::TempDir()) / "karapace-gen-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = fs::canonical(pattern);
    project_ = directory_ / "my project";
    fs::create_directories(project_);
    write_manifest("");
    write_lock(project_ / "karapace.lock", lock_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  struct Result {
    int status = 0;
    std::string output;
  };
  Result shell(const std::string& command) const {
    std::string line = "cd " + shell_quoted(project_.native()) + " && export HOME=" + shell_quoted(directory_.native()) +
                       " XDG_CACHE_HOME= XDG_CONFIG_HOME= KARAPACE_STORE=" + shell_quoted(store().native()) +
                       " && karapace() { " + shell_quoted(KARAPACE_PROGRAM) + " \"$@\"; } && { " + command +
                       "\n} > ../output 2>&1";
    int status = std::system(line.c_str());
    return {WEXITSTATUS(status), read_file(directory_ / "output")};
  }
  fs::path store() const { return directory_ / "store"; }
  /// File times are as coarse as the kernel's clock: an edit within the same tick is not seen by ninja, nor made by people.
  static void let_a_tick_pass() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }
  void write_manifest(std::string_view rest) const {
    let_a_tick_pass();
    std::string digest = Sha256(blake3("rootfs")).hex();
    write_file_atomically(project_ / "karapace.toml",
                          "manifest_version = 1\n[base]\nimage = \"r.tar\"\nsha256 = \"" + digest + "\"\n" +
                              std::string(rest),
                          Durable::no);
  }
  static Lock base_lock() {
    Lock lock = karapace::testing::sample_archive_lock({});
    lock.distribution = lock.suite = "";
    lock.repositories.clear();
    return lock;
  }
  /// Ninja is asked for its own file only: what steps do is not the matter here.
  Result regenerate() const { return shell("ninja build.ninja"); }
  std::string graph() const { return read_file(project_ / "build.ninja"); }

  fs::path directory_;
  fs::path project_;
  Lock lock_ = base_lock();
};

constexpr std::string_view nothing_to_do = "ninja: no work to do.\n";

TEST_F(Gen, SecondRunLeavesEveryFileAlone) {
  auto first = shell("karapace gen");
  ASSERT_EQ(first.status, 0) << first.output;
  EXPECT_EQ(first.output, "4 steps for my-project " + environment_id(lock_).short_hex() + "\n");
  auto time = fs::last_write_time(project_ / "build.ninja");
  EXPECT_EQ(shell("karapace gen").status, 0);
  EXPECT_EQ(fs::last_write_time(project_ / "build.ninja"), time);
  EXPECT_EQ(regenerate().output, nothing_to_do);
}

TEST_F(Gen, RegistersTheProjectInTheStore) {
  ASSERT_EQ(shell("karapace gen").status, 0);
  auto opened = store::Store::open(store(), store::Store::Access::read_only);
  auto root = store::find_root(opened, project_ / "karapace.toml");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->name, "my-project");
  EXPECT_EQ(root->environment, environment_id(lock_));
  EXPECT_EQ(root->steps.size(), 4u);
  ASSERT_EQ(shell("karapace gen --name other").status, 0);
  EXPECT_EQ(store::find_root(opened, project_ / "karapace.toml")->name, "other");
}

TEST_F(Gen, TouchedManifestRegeneratesOnceAndSettles) {
  ASSERT_EQ(shell("karapace gen").status, 0);
  auto before = graph();
  ASSERT_EQ(shell("sleep 0.02; touch karapace.toml").status, 0);
  auto result = regenerate();
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.output.find("regenerate build.ninja"), std::string::npos) << result.output;
  EXPECT_EQ(graph(), before);
  EXPECT_EQ(regenerate().output, nothing_to_do);
}

TEST_F(Gen, EditedManifestChangesLockAndGraph) {
  ASSERT_EQ(shell("karapace gen").status, 0);
  auto before = graph();
  write_manifest("[environment]\nEDITOR = \"vim\"\n");
  auto result = regenerate();
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_NE(graph(), before);
  EXPECT_EQ(read_lock_if_exists(project_ / "karapace.lock")->runtime.variables.at("EDITOR"), "vim");
  EXPECT_EQ(regenerate().output, nothing_to_do);
}

TEST_F(Gen, EditedLockChangesTheGraph) {
  ASSERT_EQ(shell("karapace gen --frozen").status, 0);
  auto before = graph();
  let_a_tick_pass();
  Lock other = lock_;
  other.runtime.variables["EDITED"] = "yes";
  write_lock(project_ / "karapace.lock", other);
  EXPECT_EQ(regenerate().status, 0);
  EXPECT_NE(graph(), before);
  EXPECT_EQ(regenerate().output, nothing_to_do);
}

TEST_F(Gen, MakesNoNewGraphWhereASessionMayWrite) {
  auto opened = store::Store::open(store(), store::Store::Access::create);
  // As a session does with the directories that it shows: here the one above the project.
  std::optional shown = store::note_shown(opened, store::shown_name(directory_));
  for (const char* command : {"karapace gen --frozen", "karapace gen --frozen -C build", "karapace gen --frozen --cmake"}) {
    auto refused = shell(command);
    EXPECT_NE(refused.status, 0) << command;
    EXPECT_NE(refused.output.find("a session runs that may write to " + directory_.native()), std::string::npos)
        << refused.output;
  }
  EXPECT_FALSE(fs::exists(project_ / "build.ninja"));
  EXPECT_FALSE(fs::exists(project_ / "build/build.ninja"));
  EXPECT_FALSE(fs::exists(project_ / "build"));
  shown.reset();
  EXPECT_EQ(shell("karapace gen --frozen").status, 0);
  // What is known and there was covered when the session began; what it has made itself was not.
  shown = store::note_shown(opened, store::shown_name(directory_));
  EXPECT_EQ(shell("karapace gen --frozen").status, 0);
  fs::create_directory(project_ / "planted");
  fs::copy_file(project_ / "build.ninja", project_ / "planted/build.ninja");
  EXPECT_NE(shell("karapace gen --frozen -C planted").status, 0);
  EXPECT_FALSE(fs::exists(project_ / "planted/.karapace"));
  EXPECT_NE(shell("karapace gen --frozen --cmake -C .").status, 0) << "the other form was not there";
  EXPECT_EQ(shell("karapace gen --frozen -C .karapace/build").status, 0) << "that is covered as a whole";
}

TEST_F(Gen, GraphsThatAreGoneAreForgottenWhenASessionBegins) {
  ASSERT_EQ(shell("karapace gen --frozen -C out && karapace gen --frozen -C kept").status, 0);
  fs::remove(project_ / "out/build.ninja");
  auto opened = store::Store::open(store(), store::Store::Access::create);
  store::forget_lost_graphs(opened, *store::find_root(opened, project_ / "karapace.toml"));
  const auto graphs = store::find_root(opened, project_ / "karapace.toml")->graphs;
  ASSERT_EQ(graphs.size(), 2U);
  auto has = [](const store::GraphPlace& graph) {
    return std::count(graph.sources.begin(), graph.sources.end(), graph.directory / "build.ninja") == 1;
  };
  EXPECT_TRUE(has(graphs[0]));  // kept
  EXPECT_FALSE(has(graphs[1]));
  fs::remove_all(project_ / "kept/.karapace");  // which a session could make itself then
  store::forget_lost_graphs(opened, *store::find_root(opened, project_ / "karapace.toml"));
  EXPECT_FALSE(has(store::find_root(opened, project_ / "karapace.toml")->graphs[0]));
}

TEST_F(Gen, EditedSetupFileChangesLockAndGraph) {
  write_file_atomically(project_ / "motd", "one\n", Durable::no);
  write_manifest("[[setup.files]]\nsource = \"motd\"\ntarget = \"/etc/motd\"\n");
  auto first = shell("karapace gen");
  ASSERT_EQ(first.status, 0) << first.output;
  auto before = graph();
  let_a_tick_pass();
  write_file_atomically(project_ / "motd", "two\n", Durable::no);
  EXPECT_EQ(regenerate().status, 0);
  EXPECT_NE(graph(), before);
  EXPECT_EQ(regenerate().output, nothing_to_do);
}

TEST_F(Gen, NeverWaitsForWhatABaseArchiveHasInPlaceOfFiles) {
  auto lock_on = [&](const std::string& make) {
    auto made = shell("rm -rf root karapace.lock && mkdir -p root/etc root/var/lib/dpkg && cd root && { " + make +
                      "; } && tar --sort=name --mtime=@0 -cf ../r.tar .");
    EXPECT_EQ(made.status, 0) << made.output;
    return shell(
        "printf 'manifest_version = 1\n[base]\nimage = \"r.tar\"\nsha256 = \"%s\"\n[system]\npackages = "
        "[\"git\"]\n' \"$(sha256sum r.tar | cut -d' ' -f1)\" > karapace.toml; "
        "timeout 60 " +
        shell_quoted(KARAPACE_PROGRAM) + " lock");
  };
  auto of_release = lock_on("mkfifo etc/os-release");
  EXPECT_EQ(of_release.status, 2) << of_release.output;
  EXPECT_NE(of_release.output.find("\"etc/os-release\" is not a regular file"), std::string::npos) << of_release.output;
  auto of_status = lock_on(
      "printf 'ID=debian\nVERSION_CODENAME=bookworm\n' > os; ln -s ../os etc/os-release; "
      "mkfifo pipe; ln -s /pipe var/lib/dpkg/status");
  EXPECT_EQ(of_status.status, 2) << of_status.output;
  EXPECT_NE(of_status.output.find("\"var/lib/dpkg/status\" is not a regular file"), std::string::npos)
      << of_status.output;
}

TEST_F(Gen, RefusesASetupFileThatIsALinkOutOfTheProject) {
  write_file_atomically(directory_ / "private", "a key of the user", Durable::no, 0600);
  fs::create_symlink("../private", project_ / "motd");
  write_manifest("[[setup.files]]\nsource = \"motd\"\ntarget = \"/etc/motd\"\n");
  auto result = shell("karapace gen");
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(
      result.output.find("karapace.toml:6:10: setup.files: source \"motd\" cannot be opened: a link leads out of its "
                         "directory"),
      std::string::npos)
      << result.output;
}

TEST_F(Gen, RefusesASetupFileOfHoles) {
  write_manifest("[[setup.files]]\nsource = \"holes\"\ntarget = \"/etc/motd\"\n");
  auto result = shell("truncate -s 3T holes && timeout 20 " + shell_quoted(KARAPACE_PROGRAM) + " gen");
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.output.find(
                "karapace.toml:6:10: setup.files: source \"holes\" has 3298534883328 bytes; 16 GiB are the most"),
            std::string::npos)
      << result.output;
}

TEST_F(Gen, GraphWrittenByHandSettlesAtOnce) {
  ASSERT_EQ(shell("karapace gen").status, 0);
  ASSERT_EQ(shell("sleep 0.02; touch karapace.toml").status, 0);
  ASSERT_EQ(regenerate().status, 0);
  ASSERT_EQ(shell("sleep 0.02; touch karapace.toml").status, 0);
  ASSERT_EQ(shell("karapace gen").status, 0);
  EXPECT_EQ(regenerate().output, nothing_to_do);
}

TEST_F(Gen, SourceFromTheFutureSettles) {
  ASSERT_EQ(shell("karapace gen").status, 0);
  ASSERT_EQ(shell("touch -d 2035-01-01 karapace.toml").status, 0);
  EXPECT_EQ(regenerate().status, 0);
  EXPECT_EQ(regenerate().output, nothing_to_do);
}

TEST_F(Gen, RemovedManifestIsAClearError) {
  ASSERT_EQ(shell("karapace gen").status, 0);
  fs::remove(project_ / "karapace.toml");
  auto result = regenerate();
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.output.find("there is no manifest karapace.toml"), std::string::npos) << result.output;
}

TEST_F(Gen, BrokenManifestKeepsTheOldGraph) {
  ASSERT_EQ(shell("karapace gen").status, 0);
  auto before = graph();
  write_manifest("nonsense = 1\n");
  auto result = regenerate();
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.output.find("karapace.toml:5:1: unknown key \"nonsense\" in [base]"), std::string::npos)
      << result.output;
  EXPECT_EQ(graph(), before);
  write_manifest("");
  EXPECT_EQ(regenerate().status, 0);
  EXPECT_EQ(regenerate().output, nothing_to_do);
}

TEST_F(Gen, LockedSaysWhatDoesNotFit) {
  write_manifest("[environment]\nEDITOR = \"vim\"\n[system]\npackages = [\"git\"]\n");
  auto result = shell("karapace gen --locked");
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.output, "karapace: error: " + (project_ / "karapace.lock").native() +
                               " does not fit the manifest; run `karapace lock`:\n"
                               "  packages: + git\n  environment: + EDITOR\n");
  EXPECT_EQ(shell("karapace lock --check").status, 2);
  EXPECT_EQ(read_lock_if_exists(project_ / "karapace.lock"), lock_);
}

TEST_F(Gen, FrozenTakesTheLockAsItIs) {
  write_manifest("[system]\npackages = [\"git\"]\n");
  auto result = shell("karapace gen --frozen");
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_EQ(read_lock_if_exists(project_ / "karapace.lock"), lock_);
  fs::remove(project_ / "karapace.lock");
  EXPECT_EQ(shell("karapace gen --frozen").status, 2);
}

TEST_F(Gen, ForeignBuildFileIsLeftAlone) {
  write_file_atomically(project_ / "build.ninja", "rule cc\n", Durable::no);
  auto result = shell("karapace gen");
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.output.find("is not one of ours and is left alone"), std::string::npos) << result.output;
  EXPECT_EQ(graph(), "rule cc\n");
}

TEST_F(Gen, GraphIsTheSameWhereverItIsWritten) {
  ASSERT_EQ(shell("karapace gen").status, 0);
  ASSERT_EQ(shell("KARAPACE_STORE=$PWD/../another karapace gen . -C ../elsewhere --name x").status, 0);
  EXPECT_EQ(read_file(directory_ / "elsewhere/build.ninja"), graph());
}

/// The files of arguments, as they are named in the graph that needs them.
std::set<std::string> files_in(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.insert(entry.path().filename());
  return names;
}

TEST_F(Gen, KeepsTheArgumentsThatTheGraphNeeds) {
  lock_.run = {std::string(1500, 'x')};
  write_lock(project_ / "karapace.lock", lock_);
  fs::create_directories(directory_ / "other");
  fs::copy_file(project_ / "karapace.toml", directory_ / "other/karapace.toml");
  Lock other = lock_;
  other.run = {std::string(1500, 'y')};
  write_lock(directory_ / "other/karapace.lock", other);

  ASSERT_EQ(shell("karapace gen --frozen . ../other").status, 0);
  auto both = files_in(project_ / ".karapace/args");
  ASSERT_EQ(both.size(), 2u);
  for (const auto& name : both) EXPECT_NE(graph().find("\n  key = " + name + "\n"), std::string::npos);
  auto time = [&](const std::string& name) { return fs::last_write_time(project_ / ".karapace/args" / name); };
  auto before = time(*both.begin());
  let_a_tick_pass();
  ASSERT_EQ(shell("karapace gen --frozen . ../other").status, 0);
  EXPECT_EQ(time(*both.begin()), before);

  ASSERT_EQ(shell("karapace gen --frozen .").status, 0);
  auto one = files_in(project_ / ".karapace/args");
  ASSERT_EQ(one.size(), 1u);
  EXPECT_TRUE(both.contains(*one.begin()));
  auto text = read_file(project_ / ".karapace/args" / *one.begin());
  EXPECT_NE(text.find(lock_.run[0]), std::string::npos);
  EXPECT_TRUE(text.starts_with("setup " + store().native() + "/steps/" + *one.begin() + "\n")) << text;
  fs::remove(project_ / ".karapace/args" / *one.begin());
  ASSERT_EQ(shell("karapace gen --frozen .").status, 0);
  EXPECT_EQ(read_file(project_ / ".karapace/args" / *one.begin()), text);
}

/// What a session left in the project in place of something of ours: a directory elsewhere with something dear in it.
class Traps : public Gen {
 protected:
  void SetUp() override {
    Gen::SetUp();
    fs::create_directories(victim());
    for (const char* name : {"dear", "local.ninja", "build.ninja"}) {
      write_file_atomically(victim() / name, "dear\n", Durable::no);
    }
  }
  fs::path victim() const { return directory_ / "victim"; }
  void set(const fs::path& name, const fs::path& target) const {
    fs::remove_all(project_ / name);
    fs::create_symlink(target, project_ / name);
  }
  void expect_victim_is_whole() const {
    EXPECT_EQ(files_in(victim()), (std::set<std::string>{"build.ninja", "dear", "local.ninja"}));
    for (const auto& entry : fs::directory_iterator(victim())) EXPECT_EQ(read_file(entry.path()), "dear\n");
  }
};

TEST_F(Traps, NothingIsWrittenOrRemovedThroughALinkInPlaceOfADirectory) {
  for (const char* name : {".karapace", ".karapace/locks", ".karapace/args", ".karapace/build",
                           ".karapace/build/.karapace", ".karapace/build/.karapace/locks"}) {
    SCOPED_TRACE(name);
    fs::remove_all(project_ / ".karapace");
    fs::create_directories((project_ / name).parent_path());
    set(name, victim());
    bool in_build = std::string_view(name).find("build") != std::string_view::npos;
    auto result = shell(in_build ? "karapace build" : "karapace gen");
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.output.find("\"" + (project_ / name).native() + "\" is a link or no directory"), std::string::npos)
        << result.output;
    expect_victim_is_whole();
  }
}

TEST_F(Traps, AFileInPlaceOfADirectoryIsNamed) {
  write_file_atomically(project_ / ".karapace", "", Durable::no);
  auto result = shell("karapace gen");
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.output.find("/.karapace\" is a link or no directory"), std::string::npos) << result.output;
}

TEST_F(Traps, ALinkInPlaceOfAFileIsReplacedItself) {
  ASSERT_EQ(shell("karapace gen").status, 0);
  auto lock = environment_id(lock_).hex() + ".json";
  for (const fs::path& name :
       {fs::path(".karapace/local.ninja"), fs::path(".karapace/mirrors.json"), fs::path(".karapace/locks") / lock}) {
    SCOPED_TRACE(name);
    auto text = read_file(project_ / name);
    set(name, victim() / "dear");
    EXPECT_EQ(shell("karapace gen").status, 0);
    EXPECT_FALSE(fs::is_symlink(fs::symlink_status(project_ / name)));
    EXPECT_EQ(read_file(project_ / name), text);
    // The very bytes elsewhere are not ours either.
    write_file_atomically(directory_ / "same", text, Durable::no);
    set(name, directory_ / "same");
    EXPECT_EQ(shell("karapace gen").status, 0);
    EXPECT_FALSE(fs::is_symlink(fs::symlink_status(project_ / name)));
    expect_victim_is_whole();
  }
  set(".karapace/locks/left", victim() / "dear");
  EXPECT_EQ(shell("karapace gen").status, 0);
  EXPECT_FALSE(fs::exists(fs::symlink_status(project_ / ".karapace/locks/left")));
  expect_victim_is_whole();
}

TEST_F(Traps, AFifoInPlaceOfAFileIsNotWaitedFor) {
  auto gen = "timeout 20 " + shell_quoted(KARAPACE_PROGRAM) + " gen";
  ASSERT_EQ(shell(gen).status, 0);
  EXPECT_EQ(shell("rm .karapace/local.ninja && mkfifo .karapace/local.ninja && " + gen).status, 0);
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(project_ / ".karapace/local.ninja")));
  auto result = shell("rm build.ninja && mkfifo build.ninja && " + gen);
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.output.find("build.ninja is not one of ours"), std::string::npos) << result.output;
}

TEST_F(Traps, LinksToWhichNinjaWouldWriteAreRefused) {
  for (const char* name : {"build.ninja", ".ninja_log", ".ninja_deps"}) {
    SCOPED_TRACE(name);
    set(name, victim() / "build.ninja");
    auto result = shell("karapace gen");
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.output.find(std::string(name) + " is a link, so it is left alone"), std::string::npos)
        << result.output;
    EXPECT_FALSE(fs::exists(project_ / ".karapace"));
    expect_victim_is_whole();
    fs::remove(project_ / name);
  }
}

TEST_F(Traps, NinjaWritesNothingWhereASessionCouldPutALink) {
  ASSERT_EQ(shell("karapace gen").status, 0);
  // What was made before `.karapace` was shown read-only.
  for (const char* name : {".ninja_log", ".ninja_deps", ".ninja_log.recompact", ".ninja_deps.recompact"}) {
    set(fs::path(".karapace") / name, victim() / "dear");
  }
  ASSERT_EQ(shell("karapace gen && sleep 0.02 && touch karapace.toml && ninja build.ninja").status, 0);
  // And after it.
  for (const char* name : {".ninja_log", ".ninja_deps", ".ninja_log.recompact", ".ninja_deps.recompact"}) {
    set(name, victim() / "dear");
  }
  auto result = shell("timeout 20 ninja build.ninja && timeout 20 ninja -t recompact");
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(project_ / ".karapace/.ninja_log")));
  expect_victim_is_whole();
}

TEST_F(Traps, AFifoOrASecondNameInPlaceOfNinjasLogsIsFound) {
  auto gen = "timeout 20 " + shell_quoted(KARAPACE_PROGRAM) + " gen";
  ASSERT_EQ(shell(gen).status, 0);
  ASSERT_EQ(shell("mkfifo .karapace/.ninja_deps && ln ../victim/dear .karapace/.ninja_log && " + gen).status, 0);
  EXPECT_FALSE(fs::exists(fs::symlink_status(project_ / ".karapace/.ninja_deps")));
  EXPECT_FALSE(fs::exists(fs::symlink_status(project_ / ".karapace/.ninja_log")));
  for (const std::string make : {"mkfifo .ninja_log", "ln ../victim/dear .ninja_log"}) {
    auto result = shell(make + " && " + gen);
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(
        result.output.find("/.ninja_log is no regular file, or has another name (a hard link), so it is left alone"),
        std::string::npos)
        << result.output;
    fs::remove(project_ / ".ninja_log");
  }
  expect_victim_is_whole();
}

TEST_F(Traps, ABuildDirectoryIsNotReachedThroughALinkInAProject) {
  fs::remove(victim() / "build.ninja");
  fs::create_directories(project_ / "real");
  set("out", victim());
  set("deep", "real");
  set("dangling", "../victim/new");
  for (const std::string directory : {"out", "out/below", "deep", "deep/below", "dangling", "./out/../out/x"}) {
    SCOPED_TRACE(directory);
    auto result = shell("karapace gen -C " + directory);
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(
        result.output.find("\" is a link, which what ran in a session may have made, so it is not followed: name the "
                           "directory that it leads to, or remove it"),
        std::string::npos)
        << result.output;
  }
  EXPECT_EQ(files_in(victim()), (std::set<std::string>{"dear", "local.ninja"}));
  EXPECT_TRUE(fs::is_empty(project_ / "real"));
  // Another project's session may have made it as well.
  ASSERT_EQ(shell("karapace gen").status, 0);
  fs::create_directories(directory_ / "second");
  fs::copy_file(project_ / "karapace.toml", directory_ / "second/karapace.toml");
  fs::copy_file(project_ / "karapace.lock", directory_ / "second/karapace.lock");
  EXPECT_EQ(shell("cd ../second && karapace gen -C \"../my project/out\"").status, 1);
  // The user's own links elsewhere are followed.
  fs::create_directory_symlink("my project", directory_ / "link");
  EXPECT_EQ(shell("cd ../second && karapace gen -C ../link/real").status, 0);
  EXPECT_TRUE(fs::exists(project_ / "real/build.ninja"));
}

TEST_F(Traps, TheGraphOfCMakeFollowsNoLinkEither) {
  set(".karapace", victim());
  EXPECT_EQ(shell("karapace gen --cmake -C .").status, 1);
  fs::remove(project_ / ".karapace");
  set("steps.cmake", victim() / "dear");
  EXPECT_EQ(shell("karapace gen --cmake -C .").status, 0);
  EXPECT_FALSE(fs::is_symlink(fs::symlink_status(project_ / "steps.cmake")));
  expect_victim_is_whole();
}

TEST_F(Traps, ADirectoryOfSomebodyElseIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  for (const char* name : {".karapace", ".karapace/locks"}) {
    SCOPED_TRACE(name);
    fs::create_directories(project_ / name);
    ASSERT_EQ(::chown((project_ / name).c_str(), 4321, 4321), 0);
    auto result = shell("karapace gen");
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.output.find("belongs to the user 4321"), std::string::npos) << result.output;
    fs::remove_all(project_ / ".karapace");
  }
}

TEST_F(Gen, ControlFilesAreWhatTheHostBelieves) {
  fs::create_directories(project_ / "ci");
  fs::copy_file(project_ / "karapace.toml", project_ / "ci/ci.toml");
  Lock other = lock_;
  other.run = {"true"};
  write_lock(project_ / "ci/ci.lock", other);
  ASSERT_EQ(shell("karapace gen --frozen . ci/ci.toml -C out").status, 0);
  ASSERT_EQ(shell("karapace gen --frozen --cmake -C cmake/dev").status, 0);
  ASSERT_EQ(shell("karapace gen --frozen -C ../outside").status, 0);
  auto opened = store::Store::open(store(), store::Store::Access::read_only);
  auto files = [&](const fs::path& manifest) {
    std::set<std::string> all;
    for (const auto& path : control_files(*store::find_root(opened, manifest))) {
      all.insert(path.lexically_relative(project_).native());
    }
    return all;
  };
  auto of_graph = [](std::set<std::string>& all, const std::string& directory) {
    for (const char* name : {"build.ninja", ".ninja_log", ".ninja_deps", "steps.cmake", ".karapace"}) {
      all.insert((fs::path(directory) / name).lexically_normal().native());
    }
  };
  std::set<std::string> expected = {"karapace.toml", "karapace.lock", "ci/ci.toml", "ci/ci.lock"};
  for (const char* directory : {".", "out", "cmake/dev", "../outside"}) of_graph(expected, directory);
  EXPECT_EQ(files(project_ / "karapace.toml"), expected);

  std::set<std::string> of_ci = {"ci/ci.toml", "ci/ci.lock"};
  for (const char* directory : {"ci", "out"}) of_graph(of_ci, directory);
  EXPECT_EQ(files(project_ / "ci/ci.toml"), of_ci);

  fs::remove_all(directory_ / "outside");
  fs::remove_all(project_ / "cmake");
  ASSERT_EQ(shell("karapace gen --frozen -C out").status, 0);
  EXPECT_EQ(files(project_ / "karapace.toml").size(), 12u);
}

TEST_F(Gen, ContradictingOptionsAreRefused) {
  EXPECT_EQ(shell("karapace gen --locked --frozen").status, 1);
  EXPECT_EQ(shell("karapace gen --locked --upgrade").status, 1);
  EXPECT_EQ(shell("karapace gen . other --name x").status, 1);
  EXPECT_EQ(shell("karapace gen --name 'a b'").status, 1);
}

TEST_F(Gen, ExplainTellsTheFieldsOfAPlannedStep) {
  auto result = shell("karapace explain .");
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_NE(result.output.find("lock           " + environment_id(lock_).hex()), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("unpack base archive"), std::string::npos) << result.output;
  EXPECT_EQ(shell("karapace explain 00000000").status, 1);
}

TEST_F(Gen, NewManifestsAreGoodOnes) {
  for (const char* word : {"minimal", "dev", "python", "cmake", "ubuntu"}) {
    auto result = shell(std::string("karapace new made/") + word + " --template " + word);
    EXPECT_EQ(result.status, 0) << result.output;
    parse_manifest(read_file(project_ / "made" / word / "karapace.toml"), word);
    EXPECT_TRUE(fs::exists(project_ / "made" / word / ".gitignore"));
  }
  auto again = shell("karapace new made/dev");
  EXPECT_EQ(again.status, 1);
  EXPECT_NE(again.output.find("--force replaces it"), std::string::npos) << again.output;
  EXPECT_EQ(shell("karapace new made/dev --force").status, 0);
}

}  // namespace
}  // namespace karapace::generator
