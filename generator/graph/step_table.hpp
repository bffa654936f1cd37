// SPDX-License-Identifier: Apache-2.0
// StepTable: which place in a list each step has. One cache line per look-up, where the standard's tables take several:
// graphs have hundreds of thousands of steps, and every one is asked for a few times.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "store/identifiers.hpp"

namespace karapace::graph {

class StepTable {
 public:
  /// `expected`: how many steps are likely to come; more are fine.
  explicit StepTable(std::size_t expected);

  /// False when the step is there already: its place stays.
  bool insert(const StepKey& key, std::size_t place);
  std::optional<std::size_t> find(const StepKey& key) const noexcept;

 private:
  struct Slot {
    StepKey key;
    std::uint32_t place_plus_one = 0;  // 0: the slot is free
  };
  std::size_t slot_of(const StepKey& key) const noexcept;
  void grow();

  std::vector<Slot> slots_;  // a power of two
  std::size_t size_ = 0;
};

}  // namespace karapace::graph
