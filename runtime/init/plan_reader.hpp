// SPDX-License-Identifier: Apache-2.0
// Reading an InitPlan (init_plan.hpp) into arrays that execve(2) takes. Neither allocates nor throws: everything lies
// in the mapped block and one more mapping for the pointers.
#pragma once

#include <cstddef>

#include "runtime/init/init_plan.hpp"

namespace karapace::init {

struct PlannedCommand {
  const char* search_path = "";  // PATH
  const char* working_directory = "/";
  char** argv = nullptr;       // ends with a null pointer
  char** variables = nullptr;  // so too
};

struct ReadPlan {
  const Header* header = nullptr;  // null: it could not be read, for the reason `error`
  PlannedCommand* commands = nullptr;
  int error = 0;
};

/// Maps the block and closes the descriptor. EBADMSG when it is cut short or not ours.
ReadPlan read_plan(int fd) noexcept;
/// The same of a block that is in memory and outlives the plan.
ReadPlan read_plan(const char* bytes, std::size_t size) noexcept;

}  // namespace karapace::init
