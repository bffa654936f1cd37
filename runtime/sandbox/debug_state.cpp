// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/debug_state.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>
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

void move(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    throw StoreError(errno_message(fmt::format("cannot move \"{}\" to \"{}\"", from.string(), to.string()), errno));
}

constexpr auto command_fields = fields_of<Command>(
    member("argv", &Command::argv, list_of(escaped_bytes)), member("title", &Command::title, escaped_bytes),
    member("variables", &Command::variables, escaped_bytes),
    member("working_directory", &Command::working_directory, escaped_bytes));

constexpr auto bind_fields =
    fields_of<Bind>(member("source", &Bind::source), member("target", &Bind::target, escaped_bytes));

/// Layers of the store by their path from its root, moved ones by their name in the state: both relative.
constexpr auto plan_fields = fields_of<DebugState>(
    optional_member("binds", &DebugState::binds, list_of(bind_fields)),
    member("failed", &DebugState::failed, command_fields), FormatMember{1},
    member("hostname", &DebugState::hostname, escaped_bytes), member("lowers", &DebugState::lowers));

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
  DebugState state;
  state.hostname = plan.hostname;
  state.failed = plan.commands.at(result.command);
  for (std::size_t i = 0; i < plan.lowers.size(); ++i) {
    const auto& lower = plan.lowers[i];
    const auto name = fmt::format("lower-{}", i);
    const bool is_moved = lies_in(lower, staging);
    if (is_moved) move(lower, made / name);
    const auto kept = is_moved ? place / name : lower;
    state.lowers.push_back(kept.lexically_relative(store.root()));
  }
  for (const auto& bind : plan.binds) {
    if (bind.origin != BindSource::store) continue;
    state.binds.push_back({.source = bind.source.lexically_relative(store.root()), .target = bind.target});
  }
  move(plan.upper, made / "upper");
  state.lowers.push_back((place / "upper").lexically_relative(store.root()));
  write_file_atomically(made / "plan.json", json_text(plan_fields, state), Durable::no);
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
  const auto text = read_file(file);
  auto state = read_or_damaged(file.string(), "run ninja again to fail anew",
                               [&] { return parse_json(plan_fields, text, "plan.json"); });
  state.step = *StepKey::from_hex(found.front());
  for (auto& lower : state.lowers) lower = store.root() / lower;
  for (auto& bind : state.binds) {
    bind.source = store.root() / bind.source;
    bind.origin = BindSource::store;
    bind.why = "what the step had";
  }
  return state;
}

FileLock use_debug_state(const store::Store& store, const DebugState& state, const store::Staging& staging) {
  const auto contents_lock = store.lock_contents(LOCK_SH);
  auto lock = FileLock::acquire_existing(store.failed_path() / state.step.hex() / "plan.json", LOCK_SH);
  bool is_whole = lock.has_value();
  auto trees = state.lowers;
  for (const auto& bind : state.binds) trees.push_back(bind.source);
  for (const auto& lower : trees) {
    const auto layer = LayerId::from_hex(lower.parent_path().filename().string());
    if (layer) store::pin(store.staging_path(), staging.path(), "layers", layer->hex());
    is_whole = is_whole && fs::exists(lower);
  }
  if (is_whole) return std::move(*lock);
  throw NotFoundError(
      fmt::format("debug: gc has removed what step {} left; run ninja again to fail anew", state.step.short_hex()));
}

}  // namespace karapace::sandbox
