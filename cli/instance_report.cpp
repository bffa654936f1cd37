// SPDX-License-Identifier: Apache-2.0
#include "cli/instance_report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "cli/document.hpp"
#include "cli/store_access.hpp"
#include "runtime/sandbox/session_list.hpp"

namespace karapace::cli {

namespace {

std::string_view state_of(const store::Instance& instance, bool runs) {
  if (runs) return "running";
  if (instance.archived) return "archived";
  return instance.frozen ? "frozen" : "idle";
}

}  // namespace

std::string_view instance_state(const store::Instance& instance) {
  return state_of(instance, sandbox::running_session(instance.directory).has_value());
}

std::string_view instance_state(const store::Instance& instance, std::string_view sessions) {
  return state_of(instance, sandbox::running_session(sessions).has_value());
}

nlohmann::json instance_json(const store::Instance& instance) {
  return instance_json(instance, instance_state(instance));
}

nlohmann::json instance_json(const store::Instance& instance, std::string_view state) {
  return {{"can_undo", instance.previous.has_value()},
          {"created", instance.created},
          {"environment", instance.current.environment.hex()},
          {"instance", instance.id},
          {"instance_directory", path_json(instance.directory)},
          {"instance_state", state},
          {"manifest", path_json(instance.manifest)},
          {"name", instance.name.empty() ? nlohmann::json() : nlohmann::json(instance.name)}};
}

nlohmann::json damaged_instance_json(const store::DamagedInstance& instance) {
  return {{"instance", escaped_utf8(instance.id)},
          {"instance_directory", path_json(instance.directory)},
          {"reason", instance.reason}};
}

std::string name_of(const store::Instance& instance, const store::Reference& reference) {
  if (!instance.name.empty()) return instance.name;
  return reference.root ? reference.root->name : instance.id;
}

WantedInstance wanted_instance(const store::Store& store, const std::string& word) {
  auto reference = find_reference(store, word);
  auto instance = store::find_instance(store, reference);
  if (!instance)
    throw NotFoundError(fmt::format(
        "\"{0}\" has no instance yet, as nobody has used it; `karapace enter {0}` makes one", escaped_utf8(word)));
  auto name = name_of(*instance, reference);
  return {std::move(reference), *std::move(instance), std::move(name)};
}

OwnedInstance own_or_refuse(const store::Store& store, const WantedInstance& wanted, std::string_view command) {
  // What a killed process left may belong to mapped ids.
  return own_or_refuse(store, wanted, command, enter_for_trees(store));
}

OwnedInstance own_or_refuse(const store::Store& store, const WantedInstance& wanted, std::string_view command,
                            sandbox::IdMode mode) {
  auto held = store::own_instance(store, wanted.instance);
  // What a session left running holds no lock of the instance, but its mounts.
  if (held && sandbox::SessionList(held->instance.directory).nothing_runs()) {
    sandbox::lock_upper(held->instance.work(), {});
    return {*std::move(held), mode};
  }
  throw Error(
      fmt::format("{}: a session is running in the instance {}; leave it first, or end it with `karapace stop {}`",
                  command, escaped_utf8(wanted.name), escaped_utf8(wanted.name)));
}

void tell_kept(const Context& context, const std::optional<store::Committed>& kept) {
  if (kept)
    context.tell(fmt::format("the state that `karapace undo` would have brought back is the snapshot {} now",
                             kept->snapshot.id.short_hex()));
}

void report_instance(const Context& context, const store::Instance& instance, std::string_view sentence) {
  if (context.json) return context.print_json("karapace.instance", instance_json(instance));
  context.print(fmt::format("{}\n", sentence));
}

}  // namespace karapace::cli
