// SPDX-License-Identifier: Apache-2.0
// What gen, lock and their neighbours answer when something is not as they need it.
#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "gen_fixture.hpp"

namespace karapace::tests {
namespace {

/// For a shell: waits for the server's port, and has the project stand on the archive that it serves.
const std::string manifest_of_served_base = R"sh(while ! [ -s ../port ]; do sleep 0.05; done
rm karapace.lock
printf 'manifest_version = 1\n[base]\nimage = "http://127.0.0.1:%s/base.tar"\nsha256 = "%s"\n' "$(cat ../port)" \
  "$(sha256sum ../served/base.tar | cut -d' ' -f1)" > karapace.toml
)sh";

TEST_F(Gen, AGraphThatGitIgnoresIsComparedWithTheLocksItIsMadeFrom) {
  fs::create_directories(project_ / "app");
  fs::copy_file(project_ / "karapace.toml", project_ / "app/karapace.toml");
  Lock other = lock_;
  other.runtime.variables["OTHER"] = "yes";
  write_lock(project_ / "app/karapace.lock", other);
  auto made = shell(
      "printf 'build\n' > .gitignore && git init -q . && git add . && git -c user.name=n -c "
      "user.email=e@example.org commit -qm first && karapace gen --frozen app -C build");
  ASSERT_EQ(made.status, 0) << made.output;
  for (const char* word : {"build/build.ninja", "build"}) {
    auto same = shell(std::string("karapace graph diff HEAD ") + word);
    EXPECT_EQ(same.status, 0) << same.output;
    EXPECT_NE(same.output.find("nothing changes"), std::string::npos) << same.output;
  }
}

TEST_F(Gen, WhatNoLockHasIsNotUpgraded) {
  auto lock = karapace::testing::sample_archive_lock({"git", "openssl"});
  write_lock(project_ / "karapace.lock", lock);
  auto typo = shell("karapace lock --upgrade opensll");
  EXPECT_EQ(typo.status, 1);
  EXPECT_NE(typo.output.find("--upgrade: the lock has no package \"opensll\"; did you mean \"openssl\"?"),
            std::string::npos)
      << typo.output;
  auto none = shell("karapace gen --upgrade 'not a name!'");
  EXPECT_EQ(none.status, 1);
  EXPECT_NE(none.output.find("the lock has no package \"not a name!\"\n"), std::string::npos) << none.output;
  fs::create_directories(project_ / "app");
  fs::copy_file(project_ / "karapace.toml", project_ / "app/karapace.toml");
  auto manifest = shell("karapace lock --upgrade app");
  EXPECT_EQ(manifest.status, 1);
  EXPECT_NE(manifest.output.find("a manifest stands before --upgrade, or as \"./app\""), std::string::npos)
      << manifest.output;
  EXPECT_EQ(read_lock_if_exists(project_ / "karapace.lock"), lock);
}

TEST_F(Gen, APathAfterUpgradeIsAManifest) {
  for (const char* word : {"./elsewhere", "..", "no.toml"}) {
    auto result = shell(std::string("karapace lock --upgrade ") + word);
    EXPECT_EQ(result.status, 2);
    EXPECT_NE(result.output.find("there is no manifest"), std::string::npos) << result.output;
  }
}

TEST_F(Gen, FilesThatCanNotBeReadAreErrorsOfManifestAndLock) {
  fs::remove(project_ / "karapace.lock");
  auto lock = shell("mkfifo karapace.lock && timeout 20 " + shell_quoted(KARAPACE_PROGRAM) + " gen --json");
  EXPECT_EQ(lock.status, 2) << lock.output;
  EXPECT_NE(lock.output.find("\"code\": \"lock\""), std::string::npos) << lock.output;
  auto manifest = shell("rm karapace.toml && mkfifo karapace.toml && timeout 20 " + shell_quoted(KARAPACE_PROGRAM) +
                        " lock --json");
  EXPECT_EQ(manifest.status, 2) << manifest.output;
  EXPECT_NE(manifest.output.find("\"code\": \"manifest\""), std::string::npos) << manifest.output;
}

TEST_F(Gen, OutputsThatCanNotBeWrittenAreNoErrorsOfTheStore) {
  ASSERT_EQ(shell("karapace gen --frozen").status, 0);
  auto nowhere = shell("karapace graph show . --format json -o nowhere/graph.json");
  EXPECT_EQ(nowhere.status, 1) << nowhere.output;
  EXPECT_NE(nowhere.output.find("there is no directory \"nowhere\""), std::string::npos) << nowhere.output;
  auto file = shell("karapace gen --frozen -C karapace.toml");
  EXPECT_EQ(file.status, 1) << file.output;
  EXPECT_NE(file.output.find("karapace.toml\": Not a directory"), std::string::npos) << file.output;
}

TEST_F(Gen, AMistypedManifestLeavesNothingBehind) {
  auto result = shell("karapace build miss/typo/karapace.toml");
  EXPECT_EQ(result.status, 2) << result.output;
  EXPECT_FALSE(fs::exists(project_ / "miss"));
}

TEST_F(Gen, NinjasOwnFailureIsNotAFailedStep) {
  fs::create_directories(directory_ / "bin");
  write_file_atomically(directory_ / "bin/ninja", "#!/bin/sh\necho 'ninja: fatal: bad flag'\nexit 1\n", Durable::no,
                        0755);
  auto result = shell("NINJA=$PWD/../bin/ninja karapace build --frozen");
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.output.find("ninja ended with status 1 (see above)"), std::string::npos) << result.output;
  auto number = shell("karapace build -j -3");
  EXPECT_EQ(number.status, 1);
  EXPECT_NE(number.output.find("\"-3\" is not a whole number"), std::string::npos) << number.output;
}

TEST_F(Gen, ABaseArchiveIsDownloadedOnce) {
  auto result = shell(R"sh(
mkdir ../served ../second && echo root > ../served/file && tar -C ../served -cf ../base.tar file && mv ../base.tar ../served
python3 -u -c '
import functools, http.server
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory="../served")
server = http.server.HTTPServer(("127.0.0.1", 0), handler)
print(server.server_port)
server.serve_forever()' >../port 2>../requests & server=$!
)sh" + manifest_of_served_base +
                      R"sh(cp karapace.toml ../second
karapace lock; first=$?
karapace lock ../second; second=$?
kill $server
rm karapace.lock && karapace lock; third=$?
cat ../requests
exit $((first + second + third)))sh");
  EXPECT_EQ(result.status, 0) << result.output;
  auto request = result.output.find("GET /base.tar");
  EXPECT_NE(request, std::string::npos) << result.output;
  EXPECT_EQ(result.output.find("GET /base.tar", request + 1), std::string::npos) << result.output;
}

// The archive has no system in it, so no lock is made; but each of them has it downloaded and unpacked.
TEST_F(Gen, ABaseArchiveIsLockedByManyAtOnce) {
  auto result = shell(R"sh(
mkdir ../served && echo root > ../served/file && head -c 20000000 /dev/urandom > ../served/noise
tar -C ../served -cf ../base.tar file noise && mv ../base.tar ../served
python3 -u -c '
import functools, http.server, threading
all_there = threading.Barrier(8)
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        all_there.wait(20)  # so all of them are at it
        super().do_GET()
handler = functools.partial(Handler, directory="../served")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_port)
server.serve_forever()' >../port 2>../requests & server=$!
)sh" + manifest_of_served_base +
                      R"sh(for i in 1 2 3 4 5 6 7 8; do
  mkdir ../project-$i && cp karapace.toml ../project-$i
  karapace lock ../project-$i >../said-$i 2>&1 & others="$others $!"
done
failed=0
for other in $others; do wait $other || failed=$((failed + 1)); done
kill $server
cat ../said-*
ls ../.cache/karapace
exit $failed)sh");
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_EQ(result.output.find("archive-"), std::string::npos) << "left behind: " << result.output;
}

TEST_F(Gen, ThePasswordOfABaseArchivesServerIsNotTold) {
  auto result = shell(
      "rm karapace.lock && printf 'manifest_version = 1\n[base]\n"
      "image = \"http://me:secret@127.0.0.1:1/base.tar\"\nsha256 = \"%064d\"\n' 1 > karapace.toml && karapace lock");
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_NE(result.output.find("http://127.0.0.1:1/base.tar"), std::string::npos) << result.output;
  EXPECT_EQ(result.output.find("secret"), std::string::npos) << result.output;
}

TEST_F(Gen, RemedyOfTheCheckWritesLockAndGraph) {
  ASSERT_EQ(shell("karapace gen --frozen").status, 0);
  write_manifest("[environment]\nEDITOR = \"vim\"\n");
  auto check = shell("karapace gen --check");
  EXPECT_EQ(check.status, 1);
  EXPECT_NE(check.output.find("Run `karapace gen`"), std::string::npos) << check.output;
  EXPECT_EQ(check.output.find("karapace lock"), std::string::npos) << check.output;
}

TEST_F(Gen, NoSuggestionForAnotherWord) {
  ASSERT_EQ(shell("karapace gen --frozen --name x").status, 0);
  auto result = shell("karapace explain 9");
  EXPECT_EQ(result.output.find("did you mean"), std::string::npos) << result.output;
}

TEST_F(Gen, AnyEpochOfAnOldLockIsReadOver) {
  lock_.format = lock::LockFormat::one;
  write_lock(project_ / "karapace.lock", lock_);
  for (const char* epoch : {"9223372036854775807", "0"}) {
    auto text = read_file(project_ / "karapace.lock");
    auto at = text.find("\n \"architecture\"");
    ASSERT_NE(at, std::string::npos);
    text.insert(text.find('\n', at + 1) + 1, " \"source_date_epoch\": " + std::string(epoch) + ",\n");
    write_file_atomically(project_ / "karapace.lock", text, Durable::no);
    EXPECT_EQ(shell("karapace gen --frozen").status, 0) << epoch;
    write_lock(project_ / "karapace.lock", lock_);
  }
}

}  // namespace
}  // namespace karapace::tests
