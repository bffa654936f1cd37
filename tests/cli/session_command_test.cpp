// SPDX-License-Identifier: Apache-2.0
// `exec` and `enter` as they are typed: their options, what --explain tells, and hints. Nothing is started.
#include <csignal>
#include <cstdlib>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.hpp"
#include "runtime/sandbox/session_list.hpp"
#include "runtime/sys/syscalls.hpp"
#include "store/environment.hpp"
#include "store/identifiers.hpp"
#include "store/instance.hpp"
#include "store/reference.hpp"
#include "store/root.hpp"
#include "tests/cli/program_fixture.hpp"

namespace karapace::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class SessionCommand : public ProgramTest {
 protected:
  void SetUp() override {
    auto environment = store::environment_of(store_, "an image");
    environment.runtime.variables = {{"FROM_MANIFEST", "yes"}};
    // Of another name, as what a store has is never replaced.
    environment.id = EnvironmentId(blake3("with variables"));
    store::add_environment(store_, environment);
    fs::create_directories(project() / "below");
    write_file_in_project("karapace.toml");
    store::add_root(store_, {"demo", project() / "karapace.toml", environment.id, 1, 2, {environment.step}});
    ::setenv("TERM", "dumb", 1);
    ::setenv("PASSED_ON", "x", 1);
    ::unsetenv("NOT_SET");
  }
  fs::path project() const { return fs::canonical(temporary_.path()) / "project"; }
  void write_file_in_project(const std::string& name) const {
    Fd fd = open_at(AT_FDCWD, project() / name, O_WRONLY | O_CREAT);
    write_all(fd.get(), "manifest_version = 1\n", name);
  }
  nlohmann::json explained(const std::string& arguments) const {
    const auto output = karapace(arguments + " --explain --json demo").output;
    return nlohmann::json::parse(output.substr(output.find("{")));  // after the warning of a graph that is old
  }
  static std::string source_of(const nlohmann::json& document, const std::string& name) {
    for (const auto& variable : document.at("variables"))
      if (variable.at("name") == name) return variable.at("decided_by");
    return "nobody";
  }
};

TEST_F(SessionCommand, TellsWhoDecidesEachVariable) {
  const auto document = explained("exec --env PASSED_ON --env NOT_SET --env ADDED=1 --env LANG=C");
  EXPECT_EQ(source_of(document, "PASSED_ON"), "option");
  EXPECT_EQ(source_of(document, "ADDED"), "option");
  EXPECT_EQ(source_of(document, "LANG"), "option");
  EXPECT_EQ(source_of(document, "NOT_SET"), "nobody");
  EXPECT_EQ(source_of(document, "TERM"), "caller");
  EXPECT_EQ(source_of(document, "FROM_MANIFEST"), "manifest");
  EXPECT_EQ(source_of(document, "HOME"), "karapace");
  const auto text = karapace("exec --explain --env ADDED=secret demo").output;
  EXPECT_THAT(text, HasSubstr("\n  of --env         ADDED\n"));
  EXPECT_THAT(text, HasSubstr("\n  of the manifest  FROM_MANIFEST\n"));
  EXPECT_THAT(text, Not(HasSubstr("secret")));
}

TEST_F(SessionCommand, StaysInADirectoryThatIsBoundHoweverItIsWritten) {
  const auto here = fs::current_path();
  for (const auto& path : std::vector<std::string>{".", "./", here.string(), here.string() + "/"})
    EXPECT_EQ(explained("exec --ephemeral --bind '" + path + "'").at("working_directory"), here.string()) << path;
}

TEST_F(SessionCommand, TellsTheSessionThatItWouldJoin) {
  const auto instance = store::open_instance(store_, store::resolve_reference(store_, "demo", "/"));
  // Process 1 of a pid namespace below this one's, as that of a session is.
  Fd handle;
  const pid_t one = sys::clone3(CLONE_NEWUSER | CLONE_NEWPID, handle);
  if (one == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    while (true) ::pause();
  }
  ASSERT_GT(one, 0);
  sandbox::SessionList(instance.directory).add_and_unlock(one, sandbox::IdMode::single);
  EXPECT_EQ(explained("exec").at("joined_pid"), one);
  EXPECT_EQ(explained("exec").at("refused"), false);
  EXPECT_EQ(explained("exec --ephemeral").at("joined_pid"), nullptr);
  EXPECT_EQ(explained("enter --bind /usr/lib").at("joined_pid"), nullptr);
  EXPECT_EQ(explained("enter --bind /usr/lib").at("refused"), true);
  EXPECT_THAT(karapace("exec --explain --writable-manifest demo").output, HasSubstr("end it, or add --ephemeral"));
  EXPECT_THAT(karapace("exec --explain demo").output,
              HasSubstr(fmt::format("beside the session that runs already (process {})", one)));
  ::kill(one, SIGKILL);
  ::waitpid(one, nullptr, 0);
}

TEST_F(SessionCommand, ExplainsWithoutMakingOrAwaitingAnything) {
  const auto instance = store::open_instance(store_, store::resolve_reference(store_, "demo", "/"));
  EXPECT_EQ(explained("exec").at("joined_pid"), nullptr);
  EXPECT_FALSE(fs::exists(instance.directory / "session"));
  sandbox::SessionList held(instance.directory);  // locked
  EXPECT_EQ(explained("exec").at("joined_pid"), nullptr);
}

TEST_F(SessionCommand, RefusesVariablesThatItCanNotSet) {
  EXPECT_THAT(karapace("exec --env 1=x demo true").output, HasSubstr("--env: \"1\" is not the name of a variable"));
  EXPECT_THAT(karapace("enter --env KARAPACE_ENV=x demo true").output, HasSubstr("\"KARAPACE_ENV\" is reserved"));
  EXPECT_THAT(karapace("exec --env FROM_MANIFEST=no demo true").output,
              HasSubstr("FROM_MANIFEST is set by the manifest, in [environment], and that counts; change it there"));
}

TEST_F(SessionCommand, TellsTheGroupsThatCommandsKeep) {
  const gid_t nameless = 61999;
  const bool chosen = ::setgroups(1, &nameless) == 0;  // as root only
  const auto groups = explained("exec").at("groups");
  if (chosen) {
    EXPECT_EQ(groups, nlohmann::json({"61999"}));
    EXPECT_THAT(karapace("exec --explain demo").output, HasSubstr("supplementary groups of this user: 61999\n"));
    return;
  }
  // One more where the user's own group is among them.
  EXPECT_GE(::getgroups(0, nullptr), static_cast<int>(groups.size()));
  EXPECT_LE(::getgroups(0, nullptr), static_cast<int>(groups.size()) + 1);
}

TEST_F(SessionCommand, TellsTheDirectoryAndTheWordsAsTheyWouldBeTyped) {
  EXPECT_EQ(explained("exec").at("working_directory"), project().string());
  const auto text = karapace("exec --explain demo -- sh -c 'echo a  b'").output;
  EXPECT_THAT(text, HasSubstr("would run\n  sh -c 'echo a  b'\n"));
  EXPECT_THAT(text, HasSubstr("\n  in the directory " + project().string() + "\n"));
}

TEST_F(SessionCommand, TellsTheTerminalThatItWouldHave) {
  EXPECT_EQ(explained("exec").at("terminal"), "inherited");
  // On a terminal, of which only the explanation is not sent there. `script` copies what is on it.
  const auto file = temporary_.path() / "explanation";
  const auto inner = std::string(KARAPACE_PROGRAM) + " --store " + store_.root().native() +
                     " exec --explain --json demo >" + file.native();
  ASSERT_EQ(std::system(("script -qec '" + inner + "' /dev/null </dev/null >/dev/null").c_str()), 0);
  EXPECT_EQ(nlohmann::json::parse(read_file(file)).at("terminal"), "own");
}

TEST_F(SessionCommand, TellsWhatBindsShowInBoth) {
  for (const std::string command : {"exec", "enter"}) {
    const auto document = explained(command + " --ephemeral --bind /usr/share --bind-ro /usr/lib");
    EXPECT_EQ(document.at("changes"), "thrown-away");
    EXPECT_EQ(document.at("joined_pid"), nullptr);
    const auto text = document.dump();
    EXPECT_THAT(text, HasSubstr(R"({"access":"read-write","host":"/usr/share","inside":"/usr/share","why":"--bind"})"));
    EXPECT_THAT(text, HasSubstr(R"({"access":"read-only","host":"/usr/lib","inside":"/usr/lib","why":"--bind-ro"})"));
  }
}

TEST_F(SessionCommand, HintsAtTheWayToRunACommandHere) {
  EXPECT_THAT(
      karapace("exec ls").output,
      HasSubstr("COMMAND is missing: what shall run?; to run \"ls\" in the environment of the manifest here: karapace "
                "exec . -- ls"));
  EXPECT_THAT(karapace("exec make 'two words'").output, HasSubstr("karapace exec . -- make 'two words'"));
  EXPECT_THAT(karapace("enter ls").output, HasSubstr("there is no environment \"ls\""));
  EXPECT_THAT(karapace("enter ls").output, HasSubstr("karapace exec . -- ls"));
  EXPECT_THAT(karapace("exec ls -l").output, HasSubstr("what is meant for COMMAND comes after \"--\""));
  EXPECT_THAT(karapace("exec ./nowhere true").output, Not(HasSubstr("exec . --")));
}

TEST_F(SessionCommand, HintsAtTheWayToBind) {
  EXPECT_THAT(
      karapace("exec --bind /usr:/data demo true").output,
      HasSubstr("--bind: there is no \"/usr:/data\"; what is shown stands at its own path, so name no other: --bind "
                "/usr (--bind-ro /usr read-only)"));
  EXPECT_THAT(karapace("exec --bind /etc demo true").output,
              HasSubstr("the target \"/etc\" belongs to the sandbox; name what is needed in it"));
}

TEST_F(SessionCommand, IsMeantForTheProjectAboveWhereDestroyAsks) {
  const auto in_below = [&](const std::string& arguments) {
    const auto here = fs::current_path();
    fs::current_path(project() / "below");
    auto result = karapace(arguments);
    fs::current_path(here);
    return result;
  };
  const auto output = in_below("exec --explain --json .").output;
  const auto document = nlohmann::json::parse(output.substr(output.find("{")));
  EXPECT_EQ(document.at("name"), "demo");
  EXPECT_EQ(document.at("working_directory"), (project() / "below").string());
  const auto refused = in_below("destroy .");
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.output, HasSubstr("\".\" is a directory of the project " + project().string()));
  EXPECT_EQ(in_below("destroy ..").status, 0);
}

TEST_F(SessionCommand, WarnsOfAnOldGraphOnlyWhenManifestOrLockSayAnother) {
  const auto changed = temporary_.path() / "changed";
  fs::create_directory(changed);
  const auto in_project = [&](const std::string& script) {
    return std::system(("cd " + changed.native() + " && { " + script + "; } >/dev/null 2>&1").c_str());
  };
  const auto karapace_program = std::string(KARAPACE_PROGRAM) + " --store " + store_.root().native();
  ASSERT_EQ(
      in_project(": >base.tar && printf 'manifest_version = 1\\n[base]\\nimage = \"./base.tar\"\\nsha256 = \"%s\"\\n' "
                 "$(sha256sum <base.tar | cut -c1-64) >karapace.toml && " +
                 karapace_program + " gen"),
      0);
  const auto warns = [&] {
    const auto output = karapace("exec " + changed.native() + " true").output;
    EXPECT_THAT(output, HasSubstr("is not built yet"));
    return output.find("changed since the graph was written") != std::string::npos;
  };
  EXPECT_FALSE(warns());
  for (const char* harmless : {"touch karapace.toml", "echo '# why' >>karapace.toml", "touch karapace.lock"}) {
    ASSERT_EQ(in_project(harmless), 0);
    EXPECT_FALSE(warns()) << harmless;
  }
  ASSERT_EQ(in_project("printf '[environment]\\nA = \"b\"\\n' >>karapace.toml"), 0);
  EXPECT_TRUE(warns());
  ASSERT_EQ(in_project("cp karapace.lock saved && " + karapace_program + " lock"), 0);
  EXPECT_TRUE(warns());  // the lock fits, but the graph is of another
  ASSERT_EQ(in_project("sed -i '/environment/,$d' karapace.toml && mv saved karapace.lock"), 0);
  EXPECT_FALSE(warns());
}

TEST_F(SessionCommand, NamesNinjaOnlyWhereTheGraphIsGens) {
  const auto project = temporary_.path() / "planted";
  fs::create_directory(project);
  const auto karapace_program = std::string(KARAPACE_PROGRAM) + " --store " + store_.root().native();
  const auto script =
      "cd " + project.native() +
      " && { : >base.tar && printf 'manifest_version = 1\\n[base]\\nimage = \"./base.tar\"\\nsha256 = "
      "\"%s\"\\n' $(sha256sum <base.tar | cut -c1-64) >karapace.toml && " +
      karapace_program +
      " gen -C out && : >build.ninja && echo '[environment]\nA = \"b\"' >>karapace.toml; } >/dev/null 2>&1";
  ASSERT_EQ(std::system(script.c_str()), 0);
  EXPECT_THAT(karapace("exec " + project.native() + " true").output,
              HasSubstr("changed since the graph was written; run `karapace build` to follow it"));
}

TEST_F(SessionCommand, EndsWith125WhenKarapaceFails) {
  for (const char* line : {"exec", "exec nothing-of-this-name true", "exec --no-such-option demo",
                           "enter nothing-of-this-name", "exec --bind /etc demo true"})
    EXPECT_EQ(karapace(line).status, 125) << line;
}

}  // namespace
}  // namespace karapace::cli
