// SPDX-License-Identifier: Apache-2.0
// Names that people gave to instances: `names/<name>` holds the id of one. Such a file counts only while that
// instance's own record has the name, so a killed `rename` leaves the old name or the new one, never both or none. A
// name whose instance has another id (a kill while it was given to another project) is looked for in all records.
//
// An instance that nobody has named is called as its project.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.hpp"

namespace karapace::store {

struct Instance;

/// Why a person can not give this name ("must be ..."); nothing when it is fine.
std::optional<std::string> judge_instance_name(std::string_view name);
/// The instance of this name; nothing when there is none.
std::optional<Instance> find_named_instance(const Store& store, std::string_view name);
/// Every name that `find_named_instance` may know, sorted: no record is read, so one may have lost its instance.
std::vector<std::string> given_names(const Store& store);
/// Gives the name to the instance, which the caller holds; its old one is free afterwards. StoreError when another
/// instance or a project has it.
void name_instance(const Store& store, Instance& instance, const std::string& name);
/// Its name leads to it again, when it has got another id.
void point_instance_name(const Store& store, const Instance& instance);
/// When an instance goes.
void forget_instance_name(const Store& store, const Instance& instance);

}  // namespace karapace::store
