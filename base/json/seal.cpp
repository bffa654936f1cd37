// SPDX-License-Identifier: Apache-2.0
#include "base/json/seal.hpp"

#include <cstdlib>
#include <stdexcept>

#include "base/digest.hpp"

namespace karapace {

namespace {

constexpr std::string_view opening = "{\n";
constexpr std::string_view before = "{\n \"check\": \"";
constexpr std::string_view after = "\",\n";

}  // namespace

std::string sealed(std::string_view json) {
  if (!json.starts_with(opening)) std::abort();
  auto rest = json.substr(opening.size());
  std::string text(before);
  text += blake3(rest).hex();
  text += after;
  text += rest;
  return text;
}

std::string unsealed(std::string_view text) {
  constexpr std::size_t digits = 2 * Digest::size;
  bool formed = text.size() > before.size() + digits + after.size() && text.starts_with(before) &&
                text.substr(before.size() + digits).starts_with(after);
  if (!formed) throw std::invalid_argument("its check is missing");
  auto rest = text.substr(before.size() + digits + after.size());
  if (blake3(rest).hex() != text.substr(before.size(), digits)) throw std::invalid_argument("its check differs");
  return std::string(opening).append(rest);
}

std::string unsealed_in_place(std::string_view text) { return unsealed(text).insert(opening.size(), "\n"); }

}  // namespace karapace
