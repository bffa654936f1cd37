// SPDX-License-Identifier: Apache-2.0
// Commands that change one instance and have it alone meanwhile: `freeze`, `undo` and their like differ in what they do
// to it only.
#pragma once

#include <string>

#include "cli/command.hpp"
#include "store/instance.hpp"
#include "store/store.hpp"

namespace karapace::cli {

struct AloneInstance {
  const store::Store& store;
  store::Instance instance;
  std::string name;     // for people, escaped
  std::string command;  // for messages
};

/// The instance that one word names, held while `change` runs, which returns what to tell people.
Command instance_command(CommandText text, std::string (*change)(AloneInstance& alone));

/// Error that says how it can be changed again; nothing when it is neither frozen nor archived.
void refuse_kept(const store::Instance& instance, const std::string& name, const std::string& command);

}  // namespace karapace::cli
