// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/debug_state.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/file_lock.hpp"
#include "base/json/record.hpp"
#include "runtime/sandbox/session_mounts.hpp"
#include "store/pins.hpp"
#include "store/staging.hpp"

namespace karapace::sandbox {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

void move(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    throw StoreError(errno_message(fmt::format("cannot move \"{}\" to \"{}\"", from.string(), to.string()), errno));
}

json strings(const std::vector<std::string>& values) {
  json array = json::array();
  for (const auto& value : values) array.push_back(escaped_utf8(value));
  return array;
}

std::string string_from(const json& value) { return path_from(value).native(); }

json json_of(const Command& command) {
  json variables = json::object();
  for (const auto& [name, value] : command.variables) variables[escaped_utf8(name)] = escaped_utf8(value);
  return {{"argv", strings(command.argv)},
          {"title", escaped_utf8(command.title)},
          {"variables", std::move(variables)},
          {"working_directory", escaped_utf8(command.working_directory)}};
}

Command command_from(const json& value) {
  require_fields(value, {"argv", "title", "variables", "working_directory"});
  Command command;
  for (const auto& word : value.at("argv")) command.argv.push_back(string_from(word));
  command.title = string_from(value.at("title"));
  for (const auto& [name, text] : value.at("variables").items())
    command.variables[string_from(name)] = string_from(text);
  command.working_directory = string_from(value.at("working_directory"));
  return command;
}

/// Layers of the store by their path from its root, moved ones by their name in the state: both relative.
DebugState state_from(const json& value, const StepKey& step, const store::Store& store) {
  require_fields(value, {"failed", "format", "hostname", "lowers"});
  if (value.at("format") != 1) throw std::invalid_argument("unknown format");
  DebugState state;
  state.step = step;
  state.hostname = string_from(value.at("hostname"));
  state.failed = command_from(value.at("failed"));
  for (const auto& lower : value.at("lowers")) state.lowers.push_back(store.root() / path_from(lower));
  return state;
}

std::vector<std::string> kept_steps(const store::Store& store) {
  std::vector<std::string> names;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(store.failed_path(), missing))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

void keep_debug_state(const store::Store& store, const StepKey& step, const SandboxPlan& plan,
                      const SandboxResult& result, const fs::path& staging) {
  drop_debug_state(store, step, staging);
  make_directory_if_missing(store.failed_path(), 0700);
  const auto place = store.failed_path() / step.hex();
  const auto made = staging / "failed";
  make_directory(made, 0700);
  json lowers = json::array();
  for (std::size_t i = 0; i < plan.lowers.size(); ++i) {
    const auto& lower = plan.lowers[i];
    const auto name = fmt::format("lower-{}", i);
    const bool is_moved = lies_in(lower, staging);
    if (is_moved) move(lower, made / name);
    const auto kept = is_moved ? place / name : lower;
    lowers.push_back(path_field(kept.lexically_relative(store.root())));
  }
  move(plan.upper, made / "upper");
  lowers.push_back(path_field((place / "upper").lexically_relative(store.root())));
  const json document = {{"failed", json_of(plan.commands.at(result.command))},
                         {"format", 1},
                         {"hostname", plan.hostname},
                         {"lowers", std::move(lowers)}};
  write_file_atomically(made / "plan.json", document.dump(1) + "\n", Durable::no);
  const auto contents_lock = store.lock_contents(LOCK_SH);
  move(made, place);
}

void drop_debug_state(const store::Store& store, const StepKey& step, const fs::path& staging) {
  const auto place = store.failed_path() / step.hex();
  if (::rename(place.c_str(), (staging / "old-failed").c_str()) == 0 || errno == ENOENT) return;
  throw StoreError(errno_message(fmt::format("cannot take \"{}\" away", place.string()), errno));
}

DebugState find_debug_state(const store::Store& store, std::string_view prefix) {
  const auto names = kept_steps(store);
  std::vector<std::string> found;
  for (const auto& name : names)
    if (name.starts_with(prefix) && StepKey::from_hex(name)) found.push_back(name);
  if (found.size() > 1)
    throw NotFoundError(fmt::format("debug: \"{}\" is ambiguous: {}", prefix, fmt::join(found, ", ")));
  if (found.empty() || prefix.size() < 4)
    throw NotFoundError(fmt::format(
        "debug: no failed step's key begins with \"{}\"; {}", prefix,
        names.empty() ? "no step has failed" : fmt::format("these have failed: {}", fmt::join(names, ", "))));
  const auto file = store.failed_path() / found.front() / "plan.json";
  const auto key = *StepKey::from_hex(found.front());
  return read_record(read_file(file), file.string(), "run ninja again to fail anew",
                     [&](const json& value) { return state_from(value, key, store); });
}

FileLock use_debug_state(const store::Store& store, const DebugState& state, const store::Staging& staging) {
  const auto contents_lock = store.lock_contents(LOCK_SH);
  auto lock = FileLock::acquire_existing(store.failed_path() / state.step.hex() / "plan.json", LOCK_SH);
  bool is_whole = lock.has_value();
  for (const auto& lower : state.lowers) {
    const auto layer = LayerId::from_hex(lower.parent_path().filename().string());
    if (layer) store::pin(store.staging_path(), staging.path(), "layers", layer->hex());
    is_whole = is_whole && fs::exists(lower);
  }
  if (is_whole) return std::move(*lock);
  throw NotFoundError(
      fmt::format("debug: gc has removed what step {} left; run ninja again to fail anew", state.step.short_hex()));
}

}  // namespace karapace::sandbox
