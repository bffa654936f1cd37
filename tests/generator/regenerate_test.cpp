// SPDX-License-Identifier: Apache-2.0
// `karapace gen` and the graph that writes itself again.
#include <map>

#include <sys/stat.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "gen_fixture.hpp"
#include "generator/graph/ninja_text.hpp"
#include "generator/manifest/manifest.hpp"
#include "generator/project/project.hpp"
#include "store/reference.hpp"
#include "store/root.hpp"

namespace karapace::tests {

using namespace graph;
using namespace manifest;
using namespace project;
namespace {

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

TEST_F(Gen, GraphsOfOneManifestKeepTheirNames) {
  ASSERT_EQ(shell("karapace gen && karapace gen --name other -C ../other").status, 0);
  auto opened = store::Store::open(store(), store::Store::Access::read_only);
  auto called = [&] { return store::names(*store::find_root(opened, project_ / "karapace.toml")); };
  EXPECT_EQ(called(), (std::vector<std::string>{"my-project", "other"}));
  for (const char* name : {"other", "my-project"}) {
    EXPECT_EQ(store::resolve_reference(opened, name, "/").environment, environment_id(lock_)) << name;
  }
  ASSERT_EQ(shell("karapace gen --name third").status, 0);
  EXPECT_EQ(called(), (std::vector<std::string>{"third", "other"}));
  auto listed = shell("karapace list");
  EXPECT_NE(listed.output.find("third, other"), std::string::npos) << listed.output;
  auto json = shell("karapace list --json");
  EXPECT_NE(json.output.find("\"environment_state\": \"not-built\""), std::string::npos) << json.output;
}

TEST_F(Gen, AGraphThatCanNotBeWrittenLeavesNoRoot) {
  write_file_atomically(project_ / "a|b", "", Durable::no);
  write_manifest("[[setup.files]]\nsource = \"a|b\"\ntarget = \"/etc/motd\"\n");
  auto refused = shell("karapace gen");
  EXPECT_EQ(refused.status, 1) << refused.output;
  auto opened = store::Store::open(store(), store::Store::Access::read_only);
  EXPECT_FALSE(store::find_root(opened, project_ / "karapace.toml"));
  fs::remove(project_ / "karapace.lock");
  write_lock(project_ / "karapace.lock", lock_);
  ASSERT_EQ(shell("karapace gen --frozen").status, 0);
  ASSERT_EQ(shell("karapace gen").status, 1);
  EXPECT_EQ(store::find_root(opened, project_ / "karapace.toml")->environment, environment_id(lock_));
}

TEST_F(Gen, DirectoriesInAnyScriptNameTheirEnvironments) {
  EXPECT_EQ(project_name("/home/проект/karapace.toml"), "проект");
  EXPECT_EQ(project_name("/home/環境 1/ci.toml"), "環境-1-ci");
  EXPECT_EQ(project_name("/home/a\xff"
                         "b/karapace.toml"),
            "a-b");
  EXPECT_EQ(project_name("/home/a\xe2\x80\xae"
                         "b/karapace.toml"),
            "a-b");  // writes from right to left
  EXPECT_EQ(project_name("/karapace.toml"), "environment");
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
  EXPECT_NE(of_release.output.find("has no /etc/os-release"), std::string::npos) << of_release.output;
  auto of_status = lock_on(
      "printf 'ID=debian\nVERSION_CODENAME=bookworm\n' > os; ln -s ../os etc/os-release; "
      "mkfifo pipe; ln -s /pipe var/lib/dpkg/status");
  EXPECT_EQ(of_status.status, 2) << of_status.output;
  EXPECT_NE(of_status.output.find("has no /var/lib/dpkg/status"), std::string::npos) << of_status.output;
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

TEST_F(Gen, AnEditWhileTheGraphIsWrittenIsNotLost) {
  ASSERT_EQ(shell("karapace gen --frozen && rm -r .karapace/locks").status, 0);
  // gen has read the manifest when it keeps the lock, and then waits for the sessions' lock, which is held here.
  auto result = shell(R"sh(
exec 9>>"$KARAPACE_STORE/locks/graphs" && flock 9
karapace gen --frozen . & gen=$!
while ! ls .karapace/locks/*.json >/dev/null 2>&1; do sleep 0.01; done
printf '\n[environment]\nEDITED = "yes"\n' >> karapace.toml
flock -u 9
wait $gen)sh");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_NE(shell("ninja -n build.ninja").output, nothing_to_do);
  auto opened = store::Store::open(store(), store::Store::Access::read_only);
  struct stat now{};
  ASSERT_EQ(::stat((project_ / "karapace.toml").c_str(), &now), 0);
  auto seen = store::find_root(opened, project_ / "karapace.toml")->manifest_mtime_ns;
  EXPECT_NE(seen, std::int64_t{now.st_mtim.tv_sec} * 1'000'000'000 + now.st_mtim.tv_nsec);
}

TEST_F(Gen, OfWhatIsThereAlreadyKeepsNobodyWaitingAndWaitsForNobody) {
  for (const char* form : {"", " --cmake -C cmake"}) {
    const auto gen = shell_quoted(KARAPACE_PROGRAM) + " gen" + form;
    ASSERT_EQ(shell(gen).status, 0);
    const auto locked = "exec 9>>\"$KARAPACE_STORE/locks/graphs\" && flock 9 && timeout 10 ";
    EXPECT_EQ(shell(locked + gen).status, 0) << form;
    EXPECT_EQ(shell("touch karapace.toml; " + (locked + gen)).status, 124) << form;
  }
}

TEST_F(Gen, SourceFromTheFutureIsToldOf) {
  ASSERT_EQ(shell("touch -d 2035-01-01 karapace.toml").status, 0);
  auto result = shell("karapace gen --frozen");
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.output.find("karapace.toml is dated in the future"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("touch"), std::string::npos) << result.output;
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

TEST_F(Gen, FrozenNeedsNoResolver) {
  write_lock(project_ / "karapace.lock", karapace::testing::sample_archive_lock({"git"}));  // of debian
  auto programs = directory_ / "bin";
  fs::create_directories(programs);
  for (const char* name : {"karapace", "karapace-step"}) {
    fs::copy_file(fs::path(KARAPACE_PROGRAM).parent_path() / name, programs / name);
  }
  auto result = shell("../bin/karapace gen --frozen");
  EXPECT_EQ(result.status, 0) << result.output;
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

TEST_F(Gen, KeepsTheArgumentsThatTheGraphNeeds) {
  lock_.run = {std::string(1500, 'x')};
  write_lock(project_ / "karapace.lock", lock_);
  ASSERT_EQ(shell("karapace gen --frozen").status, 0);
  auto key = graph().substr(graph().find("\n  key = ") + 9, 2 * Digest::size);
  auto file = fs::path(variable_in(project_ / local_file, "arguments")) / key;
  auto before = fs::last_write_time(file);
  let_a_tick_pass();
  ASSERT_EQ(shell("karapace gen --frozen").status, 0);
  EXPECT_EQ(fs::last_write_time(file), before);
  auto text = read_file(file);
  EXPECT_NE(text.find(lock_.run[0]), std::string::npos);
  EXPECT_TRUE(text.starts_with("setup " + store().native() + "/steps/" + key + "\n")) << text;
  fs::remove(file);
  ASSERT_EQ(shell("karapace gen --frozen").status, 0);
  EXPECT_EQ(read_file(file), text);
}

TEST_F(Gen, WhatANinjaOfTheOldGraphReadsStays) {
  lock_.run = {std::string(1500, 'x')};
  write_lock(project_ / "karapace.lock", lock_);
  ASSERT_EQ(shell("karapace gen --frozen && ninja -t commands > ../commands").status, 0);
  auto id = environment_id(lock_).hex();
  fs::path files = variable_in(project_ / local_file, "arguments");
  auto old = files_in(files);
  lock_.run = {std::string(1500, 'y')};
  write_lock(project_ / "karapace.lock", lock_);
  ASSERT_EQ(shell("karapace gen --frozen").status, 0);

  auto fetched = shell("sh -e -c \"$(grep 'fetch .*" + id + "' ../commands)\"");
  EXPECT_EQ(fetched.status, 0) << fetched.output;
  auto setup = shell("sh -e -c \"$(grep ' @' ../commands)\"");
  EXPECT_NE(setup.output.find("run ninja again"), std::string::npos) << setup.output;  // its inputs are not made

  auto collected = shell("karapace gc");
  ASSERT_EQ(collected.status, 0) << collected.output;
  for (const auto& name : old) EXPECT_TRUE(fs::exists(files / name)) << name;
  auto beside_gc = shell("sh -e -c \"$(grep ' @' ../commands)\"");
  EXPECT_EQ(beside_gc.output, setup.output);
  ASSERT_EQ(shell("touch -d '8 days ago' '" + files.native() + "'/* && karapace gc").status, 0);
  for (const auto& name : old) EXPECT_EQ(fs::exists(files / name), name == "graph") << name;
  EXPECT_TRUE(fs::exists(files / (environment_id(lock_).hex() + ".json")));
  auto now = shell("sh -e -c \"$(ninja -t commands | grep ' @')\"");
  EXPECT_NE(now.output.find("run ninja again"), std::string::npos) << now.output;
}

TEST_F(Gen, WhatAMovedGraphReadsStaysWhileItIsBuilt) {
  lock_.run = {std::string(1500, 'x')};
  write_lock(project_ / "karapace.lock", lock_);
  ASSERT_EQ(shell("karapace gen --frozen -C ../elsewhere && mv ../elsewhere ../moved").status, 0);
  // Long ago, but for the list of mirrors that a fetch reads, and the arguments of the set-up.
  const std::string age = "touch -d '8 days ago' \"$KARAPACE_STORE\"/graphs/*/*";
  const auto lock_file = environment_id(lock_).hex();
  ASSERT_EQ(shell(age + " && karapace gc").status, 0);
  for (const std::string& edge : {"fetch .*" + lock_file, std::string(" @")}) {
    ASSERT_EQ(shell(age).status, 0);
    shell("sh -e -c \"$(ninja -C ../moved -t commands | grep '" + edge + "')\"");
    ASSERT_EQ(shell("karapace gc").status, 0);
    EXPECT_EQ(files_in(store() / "graphs").size(), 1u) << edge;
  }
  auto planned = shell(age + " && karapace gc --dry-run --json");
  EXPECT_NE(planned.output.find("\"kind\": \"graph-file\""), std::string::npos) << planned.output;
  auto collected = shell("karapace gc");
  EXPECT_NE(collected.output.find("graph-file   1 "), std::string::npos) << collected.output;
  EXPECT_TRUE(files_in(store() / "graphs").empty());
}

TEST_F(Gen, ACopiedGraphIsRefusedOnce) {
  ASSERT_EQ(shell("karapace gen --frozen && karapace gen --frozen -C ../build").status, 0);
  ASSERT_EQ(shell("cp -r . '../a copy' && cp -r ../build ../moved && sleep 0.02 && touch karapace.toml").status, 0);
  const auto before = read_file(directory_ / "moved/build.ninja");
  auto count_of = [](const std::string& text, std::string_view part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
  };
  auto moved = shell("cd ../moved && ninja build.ninja");
  EXPECT_EQ(moved.status, 1);
  EXPECT_EQ(count_of(moved.output, "this graph was made for \"" + (directory_ / "build").native() + "\""), 1u)
      << moved.output;
  EXPECT_NE(moved.output.find("`karapace gen '" + (project_ / "karapace.toml").native() + "'` there"),
            std::string::npos)
      << moved.output;
  EXPECT_EQ(shell("cd ../moved && karapace gen ../*/karapace.toml && ninja build.ninja").status, 0);
  auto copied = shell("cd '../a copy' && ninja build.ninja");
  EXPECT_EQ(copied.status, 1);
  EXPECT_NE(copied.output.find("`karapace gen karapace.toml` there"), std::string::npos) << copied.output;
  EXPECT_EQ(shell("cd '../a copy' && karapace gen --frozen && ninja build.ninja").output.find("refused"),
            std::string::npos);
  EXPECT_EQ(shell("cd '../a copy' && ninja build.ninja").output, nothing_to_do);
  // The same directory by another path.
  EXPECT_EQ(shell("ln -s \"$PWD\" ../link && sleep 0.02 && touch karapace.toml && ninja -C ../link build.ninja").status,
            0);
}

TEST_F(Gen, WhatACrashOfTheMachineDamagedIsToldOfAndWrittenAgain) {
  lock_.run = {std::string(1500, 'x')};
  write_lock(project_ / "karapace.lock", lock_);
  ASSERT_EQ(shell("karapace gen --frozen").status, 0);
  const fs::path files = variable_in(project_ / local_file, "arguments");
  const auto text = graph();
  const auto lock = environment_id(lock_).hex();
  std::map<fs::path, std::string> whole;
  for (const auto& name : files_in(files)) whole.emplace(files / name, read_file(files / name));
  for (const auto& [file, content] : whole) {
    const std::string name = file.filename();
    const auto edge = name.starts_with("mirrors") || name.starts_with(lock) ? "fetch .*" + lock : std::string(" @");
    for (const auto size : {std::size_t{0}, content.size() / 2}) {
      fs::resize_file(file, size);
      auto built = shell("sh -e -c \"$(ninja -t commands | grep '" + edge + "')\"");
      const bool is_told = built.output.find("run karapace gen") != std::string::npos;
      EXPECT_TRUE(is_told || name == "graph") << name << built.output;  // edges do not read the list
      ASSERT_EQ(shell("karapace gen --frozen").status, 0) << name;
      EXPECT_EQ(read_file(file), content) << name;
    }
  }
  fs::resize_file(project_ / "build.ninja", 0);
  ASSERT_EQ(shell("karapace gen --frozen").status, 0);
  EXPECT_EQ(graph(), text);
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
}  // namespace karapace::tests
