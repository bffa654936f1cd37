// SPDX-License-Identifier: Apache-2.0
#include "generator/project/source_git.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "generator/manifest/git_url.hpp"

namespace karapace::project {

namespace {

constexpr auto low_speed_time = "http.lowSpeedTime=120";  // seconds without a byte; servers that think send some
constexpr int no_such_program = 127;

}  // namespace

Captured source_git(const GitCall& call) {
  std::vector<std::string> argv{"env"};
  for (const char* name : {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
                           "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE"})
    argv.insert(argv.end(), {"-u", name});
  // Where somebody sits at a terminal, git may ask; else it fails at once.
  if (::isatty(STDIN_FILENO) != 1) argv.push_back("GIT_TERMINAL_PROMPT=0");
  // A commit is what its name says, whatever its repository has in refs/replace.
  argv.push_back("GIT_NO_REPLACE_OBJECTS=1");
  // git's own rule for submodules: only transports that are safe with anybody's URL. A manifest may be anybody's, too.
  argv.push_back("GIT_PROTOCOL_FROM_USER=0");
  argv.insert(argv.end(), {"git", "-C", call.repository.native(), "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0",
                           "-c", "maintenance.auto=false", "-c", "http.lowSpeedLimit=1", "-c", low_speed_time});
  if (call.local_files == LocalFiles::allowed) argv.insert(argv.end(), {"-c", "protocol.file.allow=always"});
  argv.insert(argv.end(), call.words.begin(), call.words.end());
  auto result = capture_child({.argv = std::move(argv), .most_output = call.most_told}, call.input);
  if (result.status == no_such_program) throw RemoteError("sources of git are fetched with git: install it");
  return result;
}

std::string required_git(const GitCall& call, std::string_view what) {
  auto result = source_git(call);
  if (result.status == 0) return std::move(result.output);
  if (result.status == too_much_output)
    throw RemoteError(fmt::format("{}: git {} told more than {} MiB, which is no source any more: it was ended", what,
                                  call.words.front(), call.most_told >> 20));
  throw RemoteError(fmt::format("{}: git {} failed:\n  {}", what, call.words.front(), git_words(result)));
}

std::string git_words(const Captured& result) {
  const auto text = manifest::without_credentials(result.errors);
  std::vector<std::string> shown;
  for (const auto line : lines(text)) shown.push_back(escaped_utf8(line));
  return fmt::format("{}", fmt::join(shown, "\n  "));
}

std::string shown_url(std::string_view url) { return escaped_utf8(manifest::without_credentials(url)); }

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

}  // namespace karapace::project
