// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/diff/cause.hpp"

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/escape.hpp"

namespace karapace::diff {

namespace {

constexpr std::array<std::string_view, 38> kind_words = {"environment-added",
                                                         "environment-removed",
                                                         "base",
                                                         "architecture",
                                                         "package-added",
                                                         "package-removed",
                                                         "package-upgraded",
                                                         "package-downgraded",
                                                         "package-rebuilt",
                                                         "package-moved",
                                                         "package-order",
                                                         "dependencies",
                                                         "archives",
                                                         "repository",
                                                         "recommends",
                                                         "request",
                                                         "location",
                                                         "answer",
                                                         "file-added",
                                                         "file-removed",
                                                         "file-changed",
                                                         "file-order",
                                                         "file-source",
                                                         "command-added",
                                                         "command-removed",
                                                         "command-changed",
                                                         "command-order",
                                                         "layer-added",
                                                         "layer-removed",
                                                         "layer-changed",
                                                         "layer-order",
                                                         "variable",
                                                         "mount",
                                                         "network",
                                                         "project",
                                                         "image",
                                                         "lock",
                                                         "planner"};
static_assert(kind_words.size() == static_cast<std::size_t>(CauseKind::planner) + 1);

constexpr std::size_t longest_command = 80;

/// The first line of a command, cut where it gets long.
std::string shortened(std::string_view command) {
  auto line = command.substr(0, command.find('\n'));
  if (line.size() > longest_command) {
    line = line.substr(0, longest_command);
    while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xc0) == 0x80) line.remove_suffix(1);
    if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0xc0) line.remove_suffix(1);
  }
  return line.size() < command.size() ? fmt::format("{} …", line) : std::string(line);
}

std::string details(const Cause& cause) { return fmt::format("{}", fmt::join(cause.details, ", ")); }

/// The first lines in which two texts differ: "line 3: a → b", without a number when it is the first.
std::string change_of_text(std::string_view before, std::string_view after) {
  std::size_t line = 1;
  auto first = [](std::string_view text) { return text.substr(0, text.find('\n')); };
  while (first(before) == first(after) && first(before).size() < before.size() && first(after).size() < after.size()) {
    before.remove_prefix(first(before).size() + 1);
    after.remove_prefix(first(after).size() + 1);
    ++line;
  }
  auto number = line == 1 ? std::string() : fmt::format("line {}: ", line);
  return fmt::format("{}{} → {}", number, shortened(before), shortened(after));
}

/// "EDITOR = vim", "EDITOR vim → nano", "EDITOR was vim"
std::string setting(std::string_view what, const Cause& cause) {
  if (!cause.before) return fmt::format("{} {} = {}", what, cause.subject, shortened(*cause.after));
  if (!cause.after) return fmt::format("{} {} is gone (was {})", what, cause.subject, shortened(*cause.before));
  return fmt::format("{} {}: {}", what, cause.subject, change_of_text(*cause.before, *cause.after));
}

std::string versions(const Cause& cause) {
  return fmt::format("{} {} → {}", cause.subject, cause.before.value_or("?"), cause.after.value_or("?"));
}

std::string line_of(const Cause& cause) {
  switch (cause.kind) {
    case CauseKind::environment_added: return fmt::format("environment {} is new", cause.subject);
    case CauseKind::environment_removed: return fmt::format("environment {} is gone", cause.subject);
    case CauseKind::base: return fmt::format("base {} → {}", *cause.before, *cause.after);
    case CauseKind::architecture: return fmt::format("architecture {} → {}", *cause.before, *cause.after);
    case CauseKind::package_added: return fmt::format("{} {}", cause.subject, cause.after.value_or(""));
    case CauseKind::package_removed: return fmt::format("{} {}", cause.subject, cause.before.value_or(""));
    case CauseKind::package_upgraded:
    case CauseKind::package_downgraded: return versions(cause);
    case CauseKind::package_rebuilt:
      return fmt::format("{} {}: the same version with other content", cause.subject, *cause.after);
    case CauseKind::package_moved: return fmt::format("{} {}: {}", cause.subject, *cause.after, details(cause));
    case CauseKind::package_order: return fmt::format("{}: the order of installation alone", cause.subject);
    case CauseKind::dependencies: return "packages that came or went with several of the causes";
    case CauseKind::archives: return fmt::format("archives moved on: {}", details(cause));
    case CauseKind::repository: return fmt::format("repository {}: {}", cause.subject, details(cause));
    case CauseKind::recommends: return fmt::format("recommended packages: {} → {}", *cause.before, *cause.after);
    case CauseKind::request: return fmt::format("{}: {}", cause.subject, details(cause));
    case CauseKind::location: return fmt::format("{}: another place in the archives", cause.subject);
    case CauseKind::answer: return setting("answer to", cause);
    case CauseKind::file_added: return fmt::format("file {} is new", cause.subject);
    case CauseKind::file_removed: return fmt::format("file {} is gone", cause.subject);
    case CauseKind::file_changed: return fmt::format("file {}: {}", cause.subject, details(cause));
    case CauseKind::file_order: return "files: in another order";
    case CauseKind::file_source:
      return fmt::format("file {} is read from {}, was {}", cause.subject, *cause.after, *cause.before);
    case CauseKind::command_added: return fmt::format("command is new: {}", shortened(cause.subject));
    case CauseKind::command_removed: return fmt::format("command is gone: {}", shortened(cause.subject));
    case CauseKind::command_changed: return fmt::format("command: {}", change_of_text(*cause.before, *cause.after));
    case CauseKind::command_order: return "commands: in another order";
    case CauseKind::layer_added: return fmt::format("layer {} is new", cause.subject);
    case CauseKind::layer_removed: return fmt::format("layer {} is gone", cause.subject);
    case CauseKind::layer_changed: return fmt::format("layer {}: {}", cause.subject, details(cause));
    case CauseKind::layer_order: return "layers: in another order";
    case CauseKind::variable: return setting("variable", cause);
    case CauseKind::mount: return setting("mount", cause);
    case CauseKind::network: return fmt::format("network: {} → {}", *cause.before, *cause.after);
    case CauseKind::project: return fmt::format("project directory: {} → {}", *cause.before, *cause.after);
    case CauseKind::image: return setting("image", cause);
    case CauseKind::lock:
      if (!cause.subject.empty()) return cause.subject;
      return "the lock changed where the graph alone does not tell: what was asked for, or the archives' state";
    case CauseKind::planner: return "the same lock gives other steps: another version of Karapace wrote the graph";
  }
  return "";
}

}  // namespace

std::string_view text(CauseKind kind) noexcept { return kind_words[static_cast<std::size_t>(kind)]; }

/// Values and commands are a stranger's: no terminal gets to obey them.
std::string headline(const Cause& cause) { return printable(line_of(cause)); }

}  // namespace karapace::diff
