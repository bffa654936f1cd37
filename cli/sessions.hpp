// SPDX-License-Identifier: Apache-2.0
// What `enter` and `exec` share: from a person's word for an environment to a command that runs in it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "cli/options.hpp"
#include "runtime/sandbox/sandbox.hpp"
#include "store/reference.hpp"

namespace karapace::cli {

/// Exit status when no command was run because Karapace failed: as of env(1), of which a command rarely makes use.
constexpr int own_failure = 125;

/// What `enter` and `exec` are told.
struct SessionArguments {
  std::string environment;
  std::vector<std::string> argv;  // empty: a login shell of the image
  bool ephemeral = false;
  std::vector<std::string> binds;  // as given
  std::vector<std::string> read_only_binds;
  std::vector<std::string> variables;  // NAME=VALUE, or NAME as the caller has it
  bool sysroot = false;                // show the environment's sysroot at its own path
  bool writable_manifest = false;      // manifest and lock, else read-only
  bool explain = false;                // tell what would be seen and kept, and start nothing
};

/// What a session shows besides: a release, whose programs are the first in PATH.
struct ShownRelease {
  std::vector<sandbox::Bind> binds;
  std::string programs;  // a directory inside
  std::map<std::string, std::string> variables;
};

/// An environment that was found in the store.
struct NamedEnvironment {
  const store::Store& store;
  const store::Reference& reference;
};

/// Their options; ENVIRONMENT and COMMAND are the command's own to declare.
void declare_session_options(Options& options, SessionArguments& arguments);
/// Those of them that say what of the host is shown.
void declare_shown_options(Options& options, SessionArguments& arguments);

/// Runs it and returns its exit status; says first when manifest or lock changed since the graph was written.
int run_session(const Context& context, const SessionArguments& arguments);
/// The same in an environment that is known already, with a release.
int run_session(const Context& context, const NamedEnvironment& environment, const SessionArguments& arguments,
                const ShownRelease& release);

/// For who forgot ENVIRONMENT or "--": "; to run \"ls\" in the environment of the manifest here: karapace exec . --
/// ls". Empty when the first word is a path.
std::string hint_for_command(const std::vector<std::string>& words);

/// A pseudo terminal when a person sits in front of both standard input and output.
sandbox::Terminal fitting_terminal();

/// Says on standard error why a command could not be started, if so; the exit status to end with.
int report_result(const Context& context, const sandbox::SandboxResult& result);

/// The shell of an image given by its directory trees, bottom first: bash where it has one, else sh.
std::string image_shell(const std::vector<std::filesystem::path>& trees);

}  // namespace karapace::cli
