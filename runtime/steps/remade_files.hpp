// SPDX-License-Identifier: Apache-2.0
// Remade files: indexes that packages' own programs write in the order in which the file system tells a directory's
// names, as data.
//
// That order is another on every file system, and such a file is then another, too, though it says the same. So when
// the commands of a build made or changed one, it is made once more from its sources, by the same program, in a second
// sandbox over the same layers, in which directories have the order of a hash of the name (runtime/init/
// directory_order.hpp). Not all commands run like that: a call that a signal interrupts there may fail, and each
// one costs more. Whatever reads directories for those of the table has no handler of signals, or (ghc-pkg, of its
// timer's) one that lets calls begin again.
//
// What can be left out of layers instead is in canonical_rules.hpp.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "runtime/sandbox/sandbox.hpp"

namespace karapace::steps {

enum class Contents {
  lines,  // somebody may have written more into it: where a line would be lost, the file stays as it was
  index,  // of what is there, and nothing else
};

struct RemadeFile {
  std::string_view pattern;  // path from the root; "*" stands for one name, at most once
  std::string_view program;  // as a word of the shell; where it is not installed, or no longer, the file stays as it is
  std::string_view command;  // for /bin/sh -e, as root; $1 is the file. Status 0 when it is whole
  Contents contents;
  std::string_view reason;
};

std::span<const RemadeFile> remade_files();

/// What is to run after the commands of `done` ended well: nothing when they touched none of these files. Makes a
/// directory beside `done.work`. The commands have the variables of `done`'s last one; one that can not be started
/// (126, 127: its program or the shell is gone) leaves the file as it is. StoreError when the upper directory can not
/// be looked at.
std::optional<sandbox::SandboxPlan> remaking(const sandbox::SandboxPlan& done);

}  // namespace karapace::steps
