// SPDX-License-Identifier: Apache-2.0
// The first entry of an instance: what it has of its own is made, in a sandbox as for steps, as root inside, without
// network and without anything of the host, before the first command of a session runs.
//
// That is secrets and random names that packages make when they are installed. A layer is shared, so the canonical
// rules leave them out of it, by the same table (first_entry_table.cpp). Paths and commands are ours: no layer decides
// what is run; whether the paths are missing is judged inside, where a link of the image leads nowhere else.
//
// `first-entry` in the current generation says how far it came, and is its lock: who enters meanwhile waits. "done"
// with the step that built the environment: a look at the file is all that later entries pay. "making NAME": NAME was
// interrupted, and what is there of it is half made. What fails is told and tried again at the next entry. Everything
// made belongs to the instance and to no layer.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/waiting.hpp"
#include "store/environment.hpp"
#include "store/instance.hpp"
#include "store/store.hpp"

namespace karapace::sandbox {

struct InstanceSecret {
  std::string_view name;      // for people, and what a canonical rule calls it by: "munge.key"
  std::string_view packages;  // whose programs make it, blanks between them; only where one is installed
  std::string_view paths;     // patterns of the shell, blanks between them; it is made when none of them exists
  std::string_view command;   // for /bin/sh -e, as root and without network
};

std::span<const InstanceSecret> instance_secrets();
/// The one of this name, or null.
const InstanceSecret* find_instance_secret(std::string_view name);

/// Those whose packages are installed in these directory trees (of layers, bottom first), in the table's order. Only
/// looks, some 20 µs for each tree; what is removed in a layer above counts as installed below it, which is found out
/// inside.
std::vector<const InstanceSecret*> secrets_of_packages(const std::vector<std::filesystem::path>& trees);

/// Scripts for /bin/sh -c. Status 0: it is missing, and its package is installed.
std::string judging_script(const InstanceSecret& secret);
/// Makes it; what is there of it is removed first, and when it fails. Other statuses than 0: not made.
std::string making_script(const InstanceSecret& secret);

/// How people hear of it.
struct FirstEntryNotices {
  Notice made;  // "ssh host keys, munge.key", once
  Notice warn;  // what failed; what is waited for
};

/// Nothing when it was done before, or while a session runs in the instance. The caller holds the instance. What can
/// not be made is told and no error: a session is of use without it. SandboxError when somebody else is at it for more
/// than ten minutes.
void make_first_entry(const store::Store& store, const store::Environment& environment, const store::Instance& instance,
                      const FirstEntryNotices& notices);

}  // namespace karapace::sandbox
