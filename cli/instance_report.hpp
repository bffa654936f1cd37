// SPDX-License-Identifier: Apache-2.0
// What the commands about one instance share: finding it for a person's word, having it alone, and telling of it.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "cli/context.hpp"
#include "runtime/sandbox/id_mode.hpp"
#include "store/instance.hpp"
#include "store/reference.hpp"
#include "store/snapshot.hpp"

namespace karapace::cli {

/// "running", "frozen", "archived" or "idle", as it is now: a session is looked for, nothing is noted.
std::string_view instance_state(const store::Instance& instance);
/// The same, by the list of its sessions, which was read before.
std::string_view instance_state(const store::Instance& instance, std::string_view sessions);
/// The fields of docs/schemas/common.json's instance.
nlohmann::json instance_json(const store::Instance& instance);
/// The same, of a state that was looked at before.
nlohmann::json instance_json(const store::Instance& instance, std::string_view state);
/// The fields of docs/schemas/common.json's damaged_instance.
nlohmann::json damaged_instance_json(const store::DamagedInstance& instance);
/// What people call it: its own name, else its project's, else its id.
std::string name_of(const store::Instance& instance, const store::Reference& reference);

struct WantedInstance {
  store::Reference reference;
  store::Instance instance;
  std::string name;  // for people
};
/// NotFoundError when the environment has no instance yet.
WantedInstance wanted_instance(const store::Store& store, const std::string& word);
struct OwnedInstance : store::HeldInstance {
  sandbox::IdMode mode{};
  store::Owners owners() const {
    return mode == sandbox::IdMode::single ? store::Owners::ignore : store::Owners::from_disk;
  }
};
/// Alone, as long as the value lives; the process is in the user namespace for trees then. Error "COMMAND: ..." while
/// sessions run in it.
OwnedInstance own_or_refuse(const store::Store& store, const WantedInstance& wanted, std::string_view command);
/// The same of a second one: `mode` is that of the first.
OwnedInstance own_or_refuse(const store::Store& store, const WantedInstance& wanted, std::string_view command,
                            sandbox::IdMode mode);

/// That a state which nothing would have brought back any more is a snapshot now.
void tell_kept(const Context& context, const std::optional<store::Committed>& kept);

/// One sentence for people, or "karapace.instance".
void report_instance(const Context& context, const store::Instance& instance, std::string_view sentence);

}  // namespace karapace::cli
