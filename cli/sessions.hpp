// SPDX-License-Identifier: Apache-2.0
// What `enter` and `exec` share: from a person's word for an environment to a command that runs in it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "runtime/sandbox/sandbox.hpp"
#include "runtime/sandbox/session.hpp"

namespace karapace::cli {

struct SessionArguments {
  std::string environment;
  std::vector<std::string> argv;  // empty: a login shell of the image
  runtime::Terminal terminal = runtime::Terminal::inherit;
  std::map<std::string, std::string> variables = {};
  runtime::Persistence persistence = runtime::Persistence::instance;
  std::vector<std::string> binds = {};  // as given
  std::vector<std::string> read_only_binds = {};
  bool sysroot = false;           // show the environment's sysroot at its own path
  bool writable_manifest = false;  // manifest and lock, else read-only
  bool explain = false;            // tell what would be seen and kept, and start nothing
};

/// Runs it and returns its exit status; says first when manifest or lock changed since the graph was written.
int run_session(const Context& context, const SessionArguments& arguments);

/// A pseudo terminal when a person sits in front of both standard input and output.
runtime::Terminal fitting_terminal();

/// Says on standard error why a command could not be started, if so; the exit status to end with.
int report_result(const Context& context, const runtime::SandboxResult& result);

/// The shell of an image given by its directory trees, bottom first: bash where it has one, else sh.
std::string image_shell(const std::vector<std::filesystem::path>& trees);

}  // namespace karapace::cli
