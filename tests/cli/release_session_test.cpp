// SPDX-License-Identifier: Apache-2.0
// `release exec`, `enter`, `test` and `init` as they are typed: what they would show, and what they refuse. Nothing is
// started.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "generator/lock/lock.hpp"
#include "generator/manifest/manifest.hpp"
#include "store/environment.hpp"
#include "store/release_document.hpp"
#include "tests/cli/program_fixture.hpp"
#include "tests/generator/sample_lock.hpp"

namespace karapace::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class ReleaseSession : public ProgramTest {
 protected:
  void SetUp() override {
    for (const auto* name : {"versions", "store", "bin", ".karapace/locks"}) fs::create_directories(place_ / name);
    const auto environment = store::environment_of(store_, "an image");
    store::add_environment(store_, environment);
    environment_ = environment.id;
    add_version("1.0.0+1", environment_);
    add_version("1.1.0+1", environment_);
    fs::create_symlink("1.0.0+1", place_ / "versions/stable");
  }
  void add_version(const std::string& name, const EnvironmentId& environment,
                   const std::string& destination = "/opt/apps/app") const {
    const auto version = name.substr(0, name.find('+'));
    const store::ReleaseDocument document{
        .name = "app",
        .main = "app",
        .version = version,
        .destination = destination,
        .entrypoints = {"app"},
        .environment = environment,
        .lock = Sha256(blake3(name)),
        .packages = {{.name = "app",
                      .version = version,
                      .entry = store::release_entry_name(StepKey(blake3(name)), "app", version),
                      .layer = LayerId(blake3(name))}}};
    fs::create_directories(place_ / "versions" / name / "bin");
    write_file_atomically(place_ / "versions" / name / store::release_document_file, store::text(document),
                          Durable::no);
  }
  nlohmann::json explained(const std::string& arguments) const {
    return nlohmann::json::parse(karapace("release " + arguments + " --explain --json -d " + place_.native()).output);
  }

  fs::path place_ = fs::canonical(temporary_.path()) / "apps/app";
  EnvironmentId environment_;
};

TEST_F(ReleaseSession, AnInstalledReleaseIsShownAtThePathThatItWasBuiltFor) {
  const auto document = explained("exec");
  EXPECT_EQ(document.at("environment"), environment_.hex());
  EXPECT_EQ(document.at("changes"), "thrown-away");
  EXPECT_EQ(explained("enter --instance").at("changes"), "instance");
  std::vector<std::string> sights;
  for (const auto& sight : document.at("sights"))
    sights.push_back(fmt::format("{} {} {} {}", sight.at("inside").get<std::string>(),
                                 sight.at("host").get<std::string>(), sight.at("access").get<std::string>(),
                                 sight.at("why").get<std::string>()));
  EXPECT_THAT(sights, Contains("/opt/apps/app " + place_.native() + " read-only the release app"));
  std::vector<std::string> names;
  for (const auto& variable : document.at("variables")) names.push_back(variable.at("name"));
  EXPECT_THAT(names, Contains("KARAPACE_RELEASE_VERSION"));
}

TEST_F(ReleaseSession, TheCurrentDirectoryIsShownWhenThatIsAskedFor) {
  const auto here = fs::current_path();
  EXPECT_EQ(explained("exec --here").at("working_directory"), here.native());
  EXPECT_EQ(explained("exec").at("working_directory"), "/");
}

TEST_F(ReleaseSession, WhatCanNotRunIsRefused) {
  const auto refused = [&](const std::string& arguments) {
    const auto result = karapace("release " + arguments);
    EXPECT_EQ(result.status, 125) << arguments << "\n" << result.output;
    return result.output;
  };
  const auto where = " -d " + place_.native();
  EXPECT_THAT(refused("exec" + where), HasSubstr("release exec: COMMAND is missing: what shall run?"));
  EXPECT_THAT(refused("exec -r 7" + where + " true"), HasSubstr("there is no version \"7\" in "));
  EXPECT_THAT(refused("exec -d /nowhere true"), HasSubstr("nothing is installed in \"/nowhere\""));
  add_version("1.2.0+1", environment_, "/etc");
  EXPECT_THAT(refused("exec -r 1.2.0+1" + where + " true"),
              HasSubstr("the release app: the target \"/etc\" belongs to the sandbox"));
}

TEST_F(ReleaseSession, TheLockOfAnEnvironmentThatIsNotHereBecomesKnown) {
  const auto lock = testing::sample_lock_with_release();
  const auto id = lock::environment_id(lock);
  add_version("1.2.0+1", id);
  const auto command = "release exec -r 1.2.0+1 -d " + place_.native() + " true";
  EXPECT_THAT(
      karapace(command).output,
      HasSubstr(fmt::format("the environment {} that app 1.2.0+1 was built in is not here; run `karapace build` "
                            "where its manifest is",
                            id.short_hex())));
  write_file_atomically(place_ / ".karapace/locks" / Sha256(blake3("1.2.0+1")).hex(), lock::file_text(lock),
                        Durable::no);
  EXPECT_THAT(karapace(command).output, HasSubstr(fmt::format("`karapace build {}` makes it", id.hex())));
  EXPECT_TRUE(store_.has_blob(BlobId(id.digest())));
}

TEST_F(ReleaseSession, ADiffTellsWhatOfASourceIsAnother) {
  add_version("1.0.0+2", environment_);
  auto lock = testing::sample_lock_with_release();
  lock.release->sources.back().name = lock.release->main = "app";
  std::swap(lock.release->sources.front(), lock.release->sources.back());  // they are sorted
  auto& source = lock.release->sources.front();
  const auto keep = [&](const std::string& version) {
    write_file_atomically(place_ / ".karapace/locks" / Sha256(blake3(version)).hex(), lock::file_text(lock),
                          Durable::no);
  };
  keep("1.0.0+1");
  const auto before = source.sha256;
  source.sha256 = Sha256(blake3("another"));
  source.build += " # another";
  keep("1.0.0+2");
  EXPECT_THAT(karapace("release diff 1.0.0+1 1.0.0+2 -d " + place_.native()).output,
              HasSubstr(fmt::format("  app 1.0.0: another build: source {} -> {}, build script\n", before.short_hex(),
                                    source.sha256.short_hex())));
}

class ReleaseInit : public ProgramTest {
 protected:
  fs::path project_ = fs::canonical(temporary_.path()) / "project";
  Result init(const std::string& arguments) const {
    const auto* destination = arguments.find("-d ") == arguments.npos ? "-d /opt/solver" : "";
    return karapace(fmt::format("release init {} {} -C {}", arguments, destination, project_.native()));
  }
  manifest::Manifest written() const {
    return manifest::parse_manifest(read_file(project_ / "karapace.toml"), "karapace.toml");
  }
};

TEST_F(ReleaseInit, AnEmptyDirectoryGetsAProgram) {
  EXPECT_EQ(init("solver -d /opt/solver/").status, 0);
  const auto release = *written().release;
  EXPECT_EQ(release.destination, "/opt/solver");
  EXPECT_EQ(release.sources.at(0).location, "src");
  EXPECT_THAT(release.test, ElementsAre("command -v solver"));
  EXPECT_THAT(read_file(project_ / "src/solver.c"), HasSubstr("puts(\"solver 0.1.0\")"));
  EXPECT_TRUE(fs::exists(project_ / ".gitignore"));
}

TEST_F(ReleaseInit, WhatIsThereIsBuiltAsItSays) {
  fs::create_directories(project_);
  write_file_atomically(project_ / "Makefile", "all:\n", Durable::no);
  EXPECT_EQ(init("solver").status, 0);
  const auto release = *written().release;
  EXPECT_EQ(release.sources.at(0).location, ".");
  EXPECT_THAT(release.sources.at(0).build, HasSubstr("make install PREFIX=\"$out\""));
  EXPECT_FALSE(fs::exists(project_ / "src"));
}

TEST_F(ReleaseInit, NothingIsReplaced) {
  EXPECT_EQ(init("solver").status, 0);
  const auto before = read_file(project_ / "karapace.toml");
  const auto again = init("other");
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.output, HasSubstr("karapace.toml exists, and is left as it is"));
  EXPECT_EQ(read_file(project_ / "karapace.toml"), before);
}

TEST_F(ReleaseInit, WhatCanNotBeIsRefusedBeforeAnythingIsWritten) {
  EXPECT_THAT(init("a/b").output, HasSubstr("\"a/b\" can not be a release's name"));
  EXPECT_THAT(init("solver -d /tmp/solver").output, HasSubstr("lies in /tmp, where nothing of a build stays"));
  EXPECT_FALSE(fs::exists(project_));
  fs::create_directories(project_);
  write_file_atomically(project_ / "notes.txt", "x", Durable::no);
  EXPECT_THAT(init("solver").output, HasSubstr("says how it is built (there is none of CMakeLists.txt, "));
  EXPECT_FALSE(fs::exists(project_ / "karapace.toml"));
}

}  // namespace
}  // namespace karapace::cli
