// SPDX-License-Identifier: Apache-2.0
// What others wrote, on a terminal and in JSON: it is shown and never obeyed.
#include <algorithm>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <pty.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/escape.hpp"
#include "store/environment.hpp"
#include "store/identifiers.hpp"
#include "tests/cli/program_fixture.hpp"

namespace karapace::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* hostile = "\x1b]0;owned\x07\x1b[2J\u009b31m\u202e\x7f";
constexpr const char* shown = "\\x1b]0;owned\\x07\\x1b[2J\\xc2\\x9b31m\\xe2\\x80\\xae\\x7f";

class HostileText : public ProgramTest {
 protected:
  /// Its output is harmless, and shows the text.
  void expect_shown(const std::string& arguments) {
    auto result = karapace(arguments);
    EXPECT_TRUE(is_printable(result.output)) << arguments << ": " << printable(result.output);
    EXPECT_THAT(result.output, HasSubstr(shown)) << arguments;
  }

  /// Its output is harmless, and a JSON document.
  void expect_json(const std::string& arguments) {
    auto result = karapace(arguments + " --json");
    EXPECT_TRUE(is_printable(result.output)) << arguments << ": " << printable(result.output);
    auto document = nlohmann::json::parse(result.output, nullptr, false);
    EXPECT_FALSE(document.is_discarded()) << result.output;
  }

  /// What a terminal with colours is sent.
  std::string on_terminal(const std::vector<std::string>& words) const {
    int terminal = -1;
    pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (child == 0) {
      ::setenv("TERM", "xterm", 1);
      ::unsetenv("NO_COLOR");
      std::vector<std::string> all = {KARAPACE_PROGRAM, "--store", store_.root().native()};
      all.insert(all.end(), words.begin(), words.end());
      std::vector<char*> argv;
      for (auto& word : all) argv.push_back(word.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    std::string text;
    std::array<char, 4096> buffer{};
    // The terminal ends with EIO when its last program has ended.
    for (ssize_t got; (got = ::read(terminal, buffer.data(), buffer.size())) > 0;)
      text.append(buffer.data(), static_cast<std::size_t>(got));
    ::close(terminal);
    EXPECT_EQ(store::wait_for(child), 0);
    return text;
  }

  std::filesystem::path manifest(const std::string& text) {
    write_file_atomically(temporary_.path() / "karapace.toml", text, Durable::no);
    return temporary_.path();
  }

  /// An environment whose mounts and variables are hostile, of a project with such a name.
  store::Environment hostile_environment() {
    auto environment = store::environment_of(store_, "content");
    environment.id = EnvironmentId(blake3("hostile"));
    environment.runtime.mounts = {{hostile, std::string("/") + hostile, std::string("/") + hostile}};
    environment.runtime.variables = {{"A", hostile}};
    store::add_environment(store_, environment);
    auto root = store::root_of(environment, "content");
    root.name = std::string("name") + hostile;
    add_root(store_, root);
    return environment;
  }
};

TEST_F(HostileText, ANameInTheStoreIsListed) {
  hostile_environment();
  auto listed = karapace("list");
  EXPECT_TRUE(is_printable(listed.output)) << printable(listed.output);
  EXPECT_THAT(listed.output, HasSubstr("name\\x1b]0;owned"));
  expect_json("list");
}

TEST_F(HostileText, OnATerminalOnlyOurColoursPass) {
  hostile_environment();
  auto text = on_terminal({"list"});
  EXPECT_THAT(text, HasSubstr("\x1b[1mNAME"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b]0;")));
  EXPECT_THAT(text, Not(HasSubstr("\u009b")));
  EXPECT_THAT(text, Not(HasSubstr("\u202e")));
  auto escapes = std::count(text.begin(), text.end(), '\x1b');
  EXPECT_EQ(escapes, 2) << printable(text);
}

TEST_F(HostileText, DamagedFilesAreNamed) {
  write_file_atomically(store_.root() / "blobs" / hostile, "x", Durable::no);
  expect_shown("verify-store");
  expect_json("verify-store");
}

TEST_F(HostileText, AFileThatDiffersFromItsListingIsNamed) {
  store::fetch(store_, "hello");
  auto id = store::unpack(store_, "hello").layer().layer;
  write_file_atomically(store_.layer_tree(id) / hostile, "x", Durable::no);
  auto result = karapace("verify-store");
  EXPECT_TRUE(is_printable(result.output)) << printable(result.output);
  EXPECT_THAT(result.output, HasSubstr("\\x1b]0;owned"));
  expect_json("verify-store");
}

TEST_F(HostileText, KeysOfAManifestAreNamedInErrors) {
  // TOML's own escapes let a key hold anything.
  auto directory =
      manifest("manifest_version = 1\n[mounts]\n\"\\u001b]0;owned\\u0007\\u001b[2J\\u009b31m\\u202e\\u007f\" = 1\n");
  expect_shown("gen -C " + directory.native() + " " + (directory / "karapace.toml").native());
  expect_json("gen -C " + directory.native() + " " + (directory / "karapace.toml").native());
}

TEST_F(HostileText, BytesOfAManifestThatAreNoTomlAreNamedInErrors) {
  auto directory = manifest("manifest_version = 1\n\x1b]0;owned\x07 = 1\n");
  auto result = karapace("gen -C " + directory.native() + " " + (directory / "karapace.toml").native());
  EXPECT_TRUE(is_printable(result.output)) << printable(result.output);
  EXPECT_THAT(result.output, HasSubstr("karapace.toml:2:1"));
}

TEST_F(HostileText, WhatWasTypedIsNamedInErrors) {
  expect_shown("inspect '" + std::string(hostile) + "'");
  expect_json("inspect '" + std::string(hostile) + "'");
  expect_shown("'" + std::string(hostile) + "'");
}

}  // namespace
}  // namespace karapace::cli
