// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/step_table.hpp"

#include <bit>
#include <utility>

namespace karapace::graph {

StepTable::StepTable(std::size_t expected) : slots_(std::bit_ceil(2 * expected + 16)) {}

// Keys are digests: their first bytes are as good as any hash.
std::size_t StepTable::slot_of(const StepKey& key) const noexcept {
  auto mask = slots_.size() - 1;
  auto at = std::hash<StepKey>()(key) & mask;
  while (slots_[at].place_plus_one != 0 && slots_[at].key != key) at = (at + 1) & mask;
  return at;
}

bool StepTable::insert(const StepKey& key, std::size_t place) {
  if (2 * (size_ + 1) > slots_.size()) grow();
  auto& slot = slots_[slot_of(key)];
  if (slot.place_plus_one != 0) return false;
  slot = {key, static_cast<std::uint32_t>(place + 1)};
  ++size_;
  return true;
}

std::optional<std::size_t> StepTable::find(const StepKey& key) const noexcept {
  const auto& slot = slots_[slot_of(key)];
  if (slot.place_plus_one == 0) return std::nullopt;
  return slot.place_plus_one - 1;
}

void StepTable::grow() {
  auto old = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
  for (const auto& slot : old) {
    if (slot.place_plus_one != 0) slots_[slot_of(slot.key)] = slot;
  }
}

}  // namespace karapace::graph
