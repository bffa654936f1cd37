// SPDX-License-Identifier: Apache-2.0
// Indices that know of what: one that counts edges finds nothing among nodes.
#pragma once

#include <compare>
#include <cstddef>
#include <ranges>
#include <vector>

namespace karapace {

/// The place of an `Of` in a sequence.
template <class Of>
class Index {
 public:
  explicit constexpr Index(std::size_t value) noexcept : value_(value) {}
  constexpr std::size_t value() const noexcept { return value_; }
  constexpr auto operator<=>(const Index&) const noexcept = default;

 private:
  std::size_t value_;
};

/// The first `count` indices, growing.
template <class Of>
auto indices_below(std::size_t count) {
  return std::views::iota(std::size_t{0}, count) | std::views::transform([](std::size_t i) { return Index<Of>(i); });
}

/// A value for each `Of`, found by its index only.
template <class Of, class Value = Of>
class IndexedVector : public std::vector<Value> {
  using Base = std::vector<Value>;

 public:
  using Base::Base;
  typename Base::reference operator[](Index<Of> index) { return Base::operator[](index.value()); }
  typename Base::const_reference operator[](Index<Of> index) const { return Base::operator[](index.value()); }
  auto indices() const { return indices_below<Of>(this->size()); }
  /// Of what is appended next.
  Index<Of> next_index() const noexcept { return Index<Of>(this->size()); }
};

}  // namespace karapace
