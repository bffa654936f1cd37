// SPDX-License-Identifier: Apache-2.0
#include "generator/lock/lock.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accept.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "generator/lock/intent.hpp"
#include "generator/lock/lock_file.hpp"
#include "sample_lock.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::tests {

using namespace lock;
using namespace manifest;
namespace {

using karapace::testing::expect_golden;
using karapace::testing::sample_archive_lock;
using karapace::testing::sample_image_lock;
using karapace::testing::sample_lock;
using karapace::testing::sample_lock_with_everything;
using karapace::testing::sample_lock_with_layers;
using karapace::testing::sample_lock_with_release;
using karapace::testing::sample_package;
using karapace::testing::tests_directory;

Lock sample_lock_that_only_reads() {
  Lock lock = sample_lock_with_everything();
  lock.runtime.mounts[0].access = store::MountAccess::read_only;
  lock.runtime.project = store::ProjectAccess::read_only;
  return lock;
}

std::vector<std::string> words(const std::vector<Difference>& differences) {
  std::vector<std::string> all;
  for (const auto& difference : differences) all.push_back(text(difference));
  return all;
}

TEST(Lock, TextIsTheGoldenOne) {
  auto golden = tests_directory() / "generator/golden";
  expect_golden(golden / "plain.lock", serialise(sample_lock({"git", "curl"})));
  expect_golden(golden / "everything.lock", serialise(sample_lock_with_everything()));
  expect_golden(golden / "archive.lock", serialise(sample_archive_lock({"jq"})));
  expect_golden(golden / "image.lock", serialise(sample_image_lock({"jq"})));
  expect_golden(golden / "layers.lock", serialise(sample_lock_with_layers()));
  expect_golden(golden / "release.lock", file_text(sample_lock_with_release()));
  expect_golden(golden / "read-only.lock", serialise(sample_lock_that_only_reads()));
}

TEST(Lock, ParsingGivesWhatWasWritten) {
  for (const auto& lock :
       {sample_lock({}), sample_lock({"git", "curl"}), sample_lock_with_everything(), sample_archive_lock({}),
        sample_archive_lock({"jq"}), sample_image_lock({}), sample_image_lock({"jq"})}) {
    EXPECT_EQ(parse_lock(serialise(lock), "karapace.lock"), lock);
  }
}

TEST(Lock, LayoutAndOrderOfFieldsDoNotChangeTheEnvironment) {
  Lock lock = sample_lock({"git"});
  std::string text = serialise(lock);
  std::string other;
  for (char c : text) other += c == '\n' ? std::string("\r\n\t ") : std::string(1, c);
  auto at = other.find(R"("name": "git", "version": "1.0-1")");
  ASSERT_NE(at, std::string::npos);
  other.replace(at, 33, R"("version": "1.0\u002d1", "name": "git")");
  Lock parsed = parse_lock(other, "karapace.lock");
  EXPECT_EQ(parsed, lock);
  EXPECT_EQ(environment_id(parsed), environment_id(lock));
}

TEST(Lock, FormatOneIsReadAndKeepsItsBytesAndItsId) {
  auto text = read_file(tests_directory() / "generator/golden/format-1.lock");
  Lock lock = parse_lock(text, "karapace.lock");
  EXPECT_EQ(lock.format, LockFormat::one);
  EXPECT_EQ(serialise(lock), text);
  EXPECT_EQ(environment_id(lock).hex(), "49ba769caad3255467f76fbed1c48b67ef9ab030b9bbf24cbbb4157b1e1b4f5c");
  EXPECT_EQ(lock.packages[0].archive(), "debian");
  EXPECT_EQ(intent_of(lock), intent_of(sample_lock_with_everything()));
}

std::string refusal(std::string_view text) {
  try {
    parse_lock(text, "l");
  } catch (const LockError& error) {
    return error.what();
  }
  return "read";
}

std::string with(std::string text, std::string_view what, std::string_view instead) {
  auto at = text.find(what);
  EXPECT_NE(at, text.npos) << what;
  return text.replace(at, what.size(), instead);
}

TEST(Lock, WhatOnlyNewerReleasesKnowIsRefused) {
  auto text = serialise(sample_lock({"git"}));
  EXPECT_EQ(refusal(with(text, R"("format": 2)", R"("format": 3)")),
            "l:1:1: lock format 3 was made by a newer karapace: install that one");
  EXPECT_EQ(refusal(with(text, R"({"type": "deb", )", R"({"type": "rpm", "repomd": "x", )")),
            "l:15:12: a repository of the type \"rpm\" was made by a newer karapace: install that one");
  EXPECT_EQ(refusal(with(text, R"({"type": "deb", "archive": "debian")", R"({"archive": "debian", "type": "deb")")),
            "l:15:3: the first field of a repository must be its type");
  EXPECT_EQ(refusal(R"({"request": {}, "format": 2})"), "l:1:1: the first field of a lock must be its format");
  EXPECT_EQ(refusal(R"({"format": 0})"), "l:1:12: lock format 0 is not supported: this Karapace reads 2");
}

TEST(Lock, EveryPackageIsOfARepositoryThatSomebodySigned) {
  Lock lock = sample_lock({"git"});
  lock.packages[0].repository = "debian/bookworm-updates";
  EXPECT_EQ(refusal(serialise(lock)),
            "l:1:1: package \"git\" comes from \"debian/bookworm-updates\", which no repository is");
  lock.packages[0].repository = "debian";
  EXPECT_THAT(refusal(serialise(lock)), ::testing::HasSubstr("is not a repository, such as \"debian/bookworm\""));
  lock.packages[0].repository = "debian/bookworm";
  std::get<DebRepository>(lock.repositories[0]).signers.clear();
  EXPECT_EQ(refusal(serialise(lock)), "l:1:1: nobody has signed the repository \"debian/bookworm\"");
}

TEST(Lock, ANameMayStandOnceForEachArchitecture) {
  Lock lock = sample_lock({"git", "libgit"});
  lock.foreign_architectures = {"armhf", "i386"};
  lock.packages.push_back(sample_package("libgit"));
  lock.packages.back().architecture = "i386";
  EXPECT_EQ(parse_lock(serialise(lock), "l"), lock);
  EXPECT_EQ(name_in(lock, lock.packages[1]), "libgit");
  EXPECT_EQ(name_in(lock, lock.packages[2]), "libgit:i386");
  lock.packages.back().architecture = "all";
  EXPECT_EQ(refusal(serialise(lock)), "l:1:1: package \"libgit\" appears twice");
  lock.packages.back().architecture = "amd64";
  EXPECT_THAT(refusal(serialise(lock)), ::testing::HasSubstr("package \"libgit\" for amd64 appears twice"));
  lock.packages.back().architecture = "arm64";
  EXPECT_EQ(refusal(serialise(lock)), "l:1:1: package \"libgit\" is for arm64, the lock for amd64, armhf, i386");
  for (const auto& foreign : {std::vector<std::string>{"i386", "armhf"}, {"i386", "i386"}, {"amd64"}}) {
    lock.foreign_architectures = foreign;
    EXPECT_THAT(refusal(serialise(lock)), ::testing::HasSubstr("after the first must be sorted, none twice"));
  }
}

TEST(Lock, EveryFieldIsPartOfTheIdentity) {
  Lock lock = sample_lock_with_everything();
  auto id = environment_id(lock);
  auto differs = [&](auto change) {
    Lock other = lock;
    change(other);
    return environment_id(other) != id;
  };
  EXPECT_TRUE(differs([](Lock& other) { std::swap(other.packages[0], other.packages[1]); }));
  EXPECT_TRUE(differs([](Lock& other) { other.packages[0].sha256 = Sha256(blake3("x")); }));
  EXPECT_TRUE(differs([](Lock& other) { other.runtime.network_isolation = false; }));
  EXPECT_TRUE(differs([](Lock& other) { other.files[0].mode = 0600; }));
  EXPECT_TRUE(differs([](Lock& other) { other.run.pop_back(); }));
}

TEST(Lock, VariablesOfTheImageLieBelowThoseOfTheManifest) {
  const auto lock = sample_image_lock({});
  EXPECT_EQ(runtime_of(lock).variables,
            (std::map<std::string, std::string>{{"LANG", "de_DE.UTF-8"}, {"PATH", "/usr/bin:/bin"}}));
  auto other = lock;
  other.image->variables["LANG"] = "C";
  EXPECT_EQ(runtime_of(other), runtime_of(lock));
  EXPECT_NE(environment_id(other), environment_id(lock));
}

TEST(Lock, ReadOnlyMountsAndProjectsArePartOfTheIdentity) {
  Lock lock = sample_lock_that_only_reads();
  EXPECT_EQ(parse_lock(serialise(lock), "karapace.lock"), lock);
  Lock writable_mount = lock;
  writable_mount.runtime.mounts[0].access = store::MountAccess::read_write;
  Lock writable_project = lock;
  writable_project.runtime.project = store::ProjectAccess::read_write;
  EXPECT_NE(environment_id(lock), environment_id(writable_mount));
  EXPECT_NE(environment_id(lock), environment_id(writable_project));
  EXPECT_EQ(serialise(writable_project).find("project"), std::string::npos);
  EXPECT_EQ(words(differences(intent_of(sample_lock_with_everything()), intent_of(lock))),
            (std::vector<std::string>{"mounts: ~ cache", "project: read-write → read-only"}));
}

TEST(Lock, AnswersArePartOfTheIdentityAndLeftOutWhenThereAreNone) {
  Lock lock = sample_lock({"git"});
  EXPECT_EQ(serialise(lock).find("answers"), std::string::npos);
  auto without = environment_id(lock);
  lock.answers["git/x"] = "y";
  EXPECT_NE(environment_id(lock), without);
  EXPECT_EQ(parse_lock(serialise(lock), "l").answers, lock.answers);
  auto answers_of_nobody = lock;
  answers_of_nobody.packages.clear();
  EXPECT_THROW(parse_lock(serialise(answers_of_nobody), "l"), LockError);
  lock.answers = {{"git/x", "two\nlines"}};
  EXPECT_THROW(parse_lock(serialise(lock), "l"), LockError);
}

TEST(Lock, TruncationAnywhereIsRefused) {
  std::string text = serialise(sample_lock_with_everything());
  for (std::size_t length = 0; length + 2 < text.size(); ++length) {
    EXPECT_THROW(parse_lock(std::string_view(text).substr(0, length), "karapace.lock"), LockError) << length;
  }
}

TEST(LockFile, NameFollowsTheManifest) {
  EXPECT_EQ(lock_path("/p/karapace.toml"), "/p/karapace.lock");
  EXPECT_EQ(lock_path("/p/ci.toml"), "/p/ci.lock");
  EXPECT_EQ(lock_path("/p/manifest"), "/p/manifest.lock");
}

TEST(LockFile, SameLockIsNotWrittenAgain) {
  auto directory = std::filesystem::path(::testing::TempDir()) / "karapace-lock-file";
  std::filesystem::create_directories(directory);
  auto path = directory / "karapace.lock";
  std::filesystem::remove(path);
  EXPECT_EQ(read_lock_if_exists(path), std::nullopt);
  EXPECT_TRUE(write_lock(path, sample_lock({"git"})));
  EXPECT_FALSE(write_lock(path, sample_lock({"git"})));
  EXPECT_EQ(read_lock_if_exists(path), sample_lock({"git"}));
  std::filesystem::remove_all(directory);
}

TEST(Intent, LockFitsTheManifestItWasMadeFor) {
  Lock lock = sample_lock_with_everything();
  EXPECT_TRUE(differences(intent_of(lock), intent_of(lock)).empty());
}

TEST(Intent, DifferencesAreWordsForPeople) {
  Lock lock = sample_lock_with_everything();
  Intent wanted = intent_of(lock);
  wanted.request.base_image = "debian/trixie";
  wanted.request.packages = {"git", "ripgrep"};
  wanted.request.recommends = false;
  wanted.request.repositories[0].key_content = blake3("another");
  wanted.files.pop_back();
  wanted.files[0].content = blake3("changed");
  std::swap(wanted.run[0], wanted.run[1]);
  wanted.runtime.variables = {{"EDITOR", "nano"}, {"NEW", ""}};
  wanted.runtime.mounts.clear();
  wanted.runtime.network_isolation = false;
  wanted.answers = {{"postfix/mailname", "other"}};
  EXPECT_EQ(words(differences(intent_of(lock), wanted)),
            (std::vector<std::string>{
                "base: debian/bookworm → debian/trixie", "packages: - ca-certificates", "packages: + ripgrep",
                "recommends: true → false", "repositories: ~ tools", "answers: - man-db/install-setuid",
                "answers: ~ postfix/mailname", "files: - /usr/local/bin/it's $me: \"x\" y", "files: ~ /etc/motd",
                "run: other commands or another order", "environment: - PROMPT", "environment: ~ EDITOR",
                "environment: + NEW", "mounts: - cache", "mounts: - work", "network_isolation: true → false"}));
}

TEST(Intent, AnotherVersionOrSuiteOfAPackageIsADifference) {
  Lock lock = sample_lock({"git"});
  Intent wanted = intent_of(lock);
  wanted.request.packages = {"git=1:2.39*"};
  EXPECT_EQ(words(differences(intent_of(lock), wanted)),
            (std::vector<std::string>{"packages: - git", "packages: + git=1:2.39*"}));
  wanted = intent_of(lock);
  wanted.request.hold = {"git"};
  EXPECT_EQ(words(differences(intent_of(lock), wanted)), std::vector<std::string>{"hold: + git"});
  lock.request.packages = {"cmake/bookworm-backports", "git=1:2.39*"};
  wanted = intent_of(lock);
  wanted.request.prefer = {"bookworm-backports", "git=1:2.39*"};
  EXPECT_EQ(words(differences(intent_of(lock), wanted)),
            (std::vector<std::string>{"prefer: + bookworm-backports", "prefer: + git=1:2.39*"}));
  auto before = wanted;
  std::swap(wanted.request.prefer[0], wanted.request.prefer[1]);
  EXPECT_EQ(words(differences(before, wanted)), std::vector<std::string>{"prefer: in another order"});
  lock.request.hold = {"curl", "git"};
  lock.request.prefer = wanted.request.prefer;
  EXPECT_EQ(parse_lock(serialise(lock), "karapace.lock"), lock);
}

TEST(Intent, HashesTheFilesThatTheManifestNames) {
  auto directory = std::filesystem::path(::testing::TempDir()) / "karapace-intent";
  std::filesystem::create_directories(directory);
  write_file_atomically(directory / "motd", "hello\n", Durable::no);
  Manifest manifest;
  manifest.base = BaseSuite{"debian", "bookworm"};
  manifest.files = {{"motd", "/etc/motd", 0600}};
  EXPECT_EQ(intent_of(manifest, directory).files[0], (LockedFile{"motd", "/etc/motd", 0600, blake3("hello\n"), 6}));
  manifest.files = {{"gone", "/etc/gone", 0600}};
  EXPECT_THROW(intent_of(manifest, directory), ManifestError);
  manifest.files = {{".", "/etc/directory", 0600}};
  EXPECT_THROW(intent_of(manifest, directory), ManifestError);
  std::filesystem::remove_all(directory);
}

TEST(Intent, HashesTheLayersThatTheManifestNames) {
  auto directory = std::filesystem::path(::testing::TempDir()) / "karapace-intent-layers";
  std::filesystem::create_directories(directory);
  write_file_atomically(directory / "a.tar", "a", Durable::no);
  write_file_atomically(directory / "b.tar", "bb", Durable::no);
  Manifest manifest;
  manifest.base = BaseSuite{"debian", "bookworm"};
  manifest.layers = {{"b.tar", "tools"}, {"a.tar", ""}};
  const auto intent = intent_of(manifest, directory);
  EXPECT_EQ(intent.layers,
            (std::vector<LockedLayer>{{"b.tar", "tools", 2, blake3("bb")}, {"a.tar", "", 1, blake3("a")}}));
  auto changed = intent;
  write_file_atomically(directory / "a.tar", "other", Durable::no);
  EXPECT_EQ(words(differences(intent, intent_of(manifest, directory))), std::vector<std::string>{"layers: ~ a.tar"});
  std::swap(changed.layers[0], changed.layers[1]);
  EXPECT_EQ(words(differences(intent, changed)), std::vector<std::string>{"layers: in another order"});
  manifest.layers = {{"gone.tar", ""}};
  EXPECT_THROW(intent_of(manifest, directory), ManifestError);
  std::filesystem::remove_all(directory);
}

TEST(Lock, AReleaseIsReadAsItIsWrittenAndIsNoPartOfTheEnvironment) {
  const auto lock = sample_lock_with_release();
  EXPECT_EQ(parse_lock(file_text(lock), "karapace.lock"), lock);
  auto environment = lock;
  environment.release.reset();
  EXPECT_EQ(serialise(lock), file_text(environment));
  EXPECT_EQ(environment_id(lock), environment_id(environment));
  auto inside = lock;
  inside.release->run = manifest::ProgramsRun::inside;
  EXPECT_EQ(parse_lock(file_text(inside), "karapace.lock"), inside);
  EXPECT_EQ(words(differences(intent_of(lock), intent_of(inside))),
            std::vector<std::string>{"release.run: outside → inside"});
}

std::string refusal_of(const LockedRelease& release) {
  auto lock = sample_lock_with_release();
  lock.release = release;
  try {
    parse_lock(file_text(lock), "karapace.lock");
    return "(accepted)";
  } catch (const LockError& error) {
    const std::string message = error.what();
    return message.substr(message.find(": ") + 2);  // "karapace.lock:9:3: "
  }
}

TEST(Lock, AReleaseThatCanNotBeBuiltIsRefused) {
  const auto good = *sample_lock_with_release().release;
  auto release = good;
  release.main = "nothing";
  EXPECT_EQ(refusal_of(release), "there is no source \"nothing\"");
  release = good;
  release.sources[1].depends = {"nothing"};
  EXPECT_EQ(refusal_of(release), "there is no source \"nothing\"");
  release = good;
  release.sources[0].depends = {"solver"};
  EXPECT_EQ(refusal_of(release), "the source \"solver\" depends on itself");
  release = good;
  release.sources[0].commit.clear();
  EXPECT_EQ(refusal_of(release), "the source \"libgrid\" has a commit if it is of git, and else none");
  release = good;
  for (const char* place : {"/build/x", "/dev/x", "/tmp/x"}) {
    release.destination = place;
    EXPECT_NE(refusal_of(release).find("lies in "), std::string::npos) << place << ": " << refusal_of(release);
  }
  release = good;
  release.sources[0].name = release.sources[1].depends[0] = "out";
  EXPECT_EQ(refusal_of(release), "the source \"out\" would be $out in build scripts, which means something else there");
  release = good;
  for (const char* version : {"latest", "stable", "1+2"}) {
    release.sources[0].version = version;
    EXPECT_EQ(refusal_of(release).substr(0, std::string(version).size() + 3), "\"" + std::string(version) + "\" ");
  }
  release = good;
  release.entrypoints.push_back(release.entrypoints.front());
  EXPECT_EQ(refusal_of(release), "the entry point \"" + release.entrypoints.front() + "\" appears twice");
  release = good;
  std::swap(release.sources[0], release.sources[1]);
  EXPECT_EQ(refusal_of(release), "sources must be sorted, none twice");
  release = good;
  release.destination = "opt";
  EXPECT_EQ(refusal_of(release), "\"opt\" must be an absolute path");
}

TEST(Lock, WithLayersIsReadAsItIsWritten) {
  auto lock = sample_lock({"git"});
  const auto id = environment_id(lock);
  EXPECT_EQ(serialise(lock).find("layers"), std::string::npos);
  lock.layers = {{"layers/dev-1.tar.zst", "tools", 5, blake3("a")}, {"layers/dev-2.tar.zst", "", 6, blake3("b")}};
  EXPECT_EQ(parse_lock(serialise(lock), "karapace.lock"), lock);
  EXPECT_NE(environment_id(lock), id);
  const auto with = environment_id(lock);
  std::swap(lock.layers[0], lock.layers[1]);
  EXPECT_NE(environment_id(lock), with);
}

class ForeignProject : public ::testing::Test {
 protected:
  void SetUp() override {
    ::alarm(20);  // who waits for a FIFO waits for ever
    std::string name = std::filesystem::path(::testing::TempDir()) / "karapace-foreign-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    outside_ = name;
    project_ = outside_ / "project";
    std::filesystem::create_directories(project_ / "inner");
    write_file_atomically(outside_ / "private", "a key of the user", Durable::no, 0600);
    write_file_atomically(project_ / "motd", "hello\n", Durable::no);
  }
  void TearDown() override {
    ::alarm(0);
    std::filesystem::remove_all(outside_);
  }
  void link(const std::filesystem::path& target, const char* name) const {
    std::filesystem::create_symlink(target, project_ / name);
  }
  /// What locking says of a manifest with this setup file and this key.
  std::string complaint(const std::string& rest) const {
    try {
      intent_of(parse_manifest("manifest_version = 1\nbase.image = \"debian/bookworm\"\n" + rest, "karapace.toml"),
                project_);
    } catch (const ManifestError& error) {
      return error.what();
    }
    return "accepted";
  }
  std::string of_file(const std::string& source) const {
    return complaint("[[setup.files]]\nsource = \"" + source + "\"\ntarget = \"/etc/motd\"\n");
  }
  std::string of_key(const std::string& key) const {
    return complaint("[repositories.tools]\nuri = \"https://t.example\"\nsuite = \"s\"\nkey = \"" + key + "\"\n");
  }

  std::filesystem::path outside_;
  std::filesystem::path project_;
};

TEST_F(ForeignProject, NamesNoFileOutsideItByALink) {
  link("../private", "up");
  link(outside_ / "private", "absolute");
  link("..", "door");
  link("/proc/self/root", "magic");
  for (std::string name : {"up", "absolute", "door/private", "magic/etc/passwd"}) {
    const std::string way_out = " \"" + name +
                                "\" cannot be opened: a link leads out of its directory; put the file itself into " +
                                project_.native();
    EXPECT_EQ(of_file(name), "karapace.toml:4:10: setup.files: source" + way_out);
    EXPECT_EQ(of_key(name), "karapace.toml:6:7: repositories.tools.key" + way_out);
  }
}

TEST_F(ForeignProject, MayLinkItsOwnFiles) {
  link("motd", "other-name");
  link("../motd", "inner/up");
  EXPECT_EQ(of_file("other-name"), "accepted");
  EXPECT_EQ(of_file("inner/up"), "accepted");
  EXPECT_EQ(of_key("inner/up"), "accepted");
}

TEST_F(ForeignProject, CanNotMakeLockingWait) {
  ASSERT_EQ(::mkfifo((project_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(of_file("fifo"),
            "karapace.toml:4:10: setup.files: source \"fifo\" is not a regular file; put the file itself into " +
                project_.native());
  EXPECT_EQ(of_key("fifo"),
            "karapace.toml:6:7: repositories.tools.key \"fifo\" is not a regular file; put the file itself into " +
                project_.native());
  ASSERT_EQ(::mkfifo((project_ / "karapace.lock").c_str(), 0600), 0);
  EXPECT_THROW(read_lock_if_exists(project_ / "karapace.lock"), LockError);
}

}  // namespace
}  // namespace karapace::tests
