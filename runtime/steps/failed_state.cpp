// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/failed_state.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/words.hpp"
#include "runtime/sandbox/debug_state.hpp"
#include "deb/control_file.hpp"

namespace karapace::steps {

namespace {

constexpr std::size_t shown_lines = 30;
constexpr std::size_t shown_bytes = 500;  // of each

/// The beginning of a line that is too long to be read; no character is cut in two.
std::string_view cut(std::string_view line) {
  if (line.size() <= shown_bytes) return line;
  std::size_t end = shown_bytes;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return line.substr(0, end);
}

/// What the command wrote is shown, never obeyed: it may be anybody's.
std::string last_lines(std::string_view text) {
  auto all = lines(text);
  std::string result;
  for (std::size_t i = all.size() - std::min(all.size(), shown_lines); i < all.size(); ++i) {
    auto line = cut(all[i]);
    result.append("  ").append(printable(line)).append(line.size() < all[i].size() ? "...\n" : "\n");
  }
  return result;
}

// dpkg closes with "Errors were encountered while processing:" and one package a line.
std::vector<std::string> failed_packages(std::string_view text) {
  constexpr std::string_view heading = "Errors were encountered while processing:\n";
  auto place = text.rfind(heading);
  std::vector<std::string> packages;
  if (place == std::string_view::npos) return packages;
  for (auto line : lines(text.substr(place + heading.size()))) {
    if (line.front() != ' ') break;
    packages.emplace_back(line.substr(1));
  }
  return packages;
}

std::string what_failed(const runtime::Command& command, int status, std::string_view output) {
  auto title = command.title.empty() ? command.argv.front() : command.title;
  auto packages = failed_packages(output);
  if (!packages.empty()) return fmt::format("{} failed for {}", title, fmt::join(packages, ", "));
  if (status > 128) return fmt::format("{} was killed by signal {}", title, status - 128);
  return fmt::format("{} failed with status {}", title, status);
}

}  // namespace

void fail_command(const StepContext& context, const runtime::SandboxPlan& plan, const runtime::SandboxResult& result,
                  const std::filesystem::path& log) {
  auto output = read_file_if_exists(log).value_or("");
  runtime::keep_debug_state(context.store, context.key, plan, result, context.staging.path());
  throw StepError(fmt::format("{}: {}\n{}the whole output: {}\na shell in this state: karapace debug {}",
                              text(context.step.kind), what_failed(plan.commands.at(result.command), result.status, output),
                              last_lines(output), log.string(), context.key.short_hex()));
}

}  // namespace karapace::steps
