// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/deb/owner_names.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/words.hpp"

namespace karapace::steps::deb {

void OwnerNames::add(std::string_view kind, std::string_view name, std::uint32_t number) {
  constexpr std::size_t longest = 32;  // of tar(5), which is all that dpkg reads
  const bool can_be_one =
      !name.empty() && name.size() <= longest && name.find_first_of(": \t\n") == std::string_view::npos;
  if (!can_be_one || (name == "root" && number == 0)) return;
  lines_.insert(fmt::format("{} {} {}\n", kind, name, number));
}

std::string OwnerNames::text() const {
  std::string text;
  for (const auto& line : lines_) text += line;
  return text;
}

KnownOwners::KnownOwners(const trees::LayerStack& lower) {
  add("user", lower.read("etc/passwd").value_or(""));
  add("group", lower.read("etc/group").value_or(""));
}

// NAME:PASSWORD:NUMBER:..., passwd(5) and group(5); the first of a name counts.
void KnownOwners::add(std::string_view kind, std::string_view database) {
  for (auto line : lines(database)) {
    const auto name = line.substr(0, line.find(':'));
    const auto second = line.find(':', name.size() + 1);
    if (name.size() == line.size() || second == std::string_view::npos) continue;
    const auto number = line.substr(second + 1, line.find(':', second + 1) - second - 1);
    numbers_.emplace(fmt::format("{} {}", kind, name), number);
  }
}

bool KnownOwners::agree(std::string_view owner_names) const {
  const auto all = lines(owner_names);
  return std::all_of(all.begin(), all.end(), [&](std::string_view line) {
    const auto blank = line.rfind(' ');
    const auto found = numbers_.find(line.substr(0, blank));
    return found != numbers_.end() && found->second == line.substr(blank + 1);
  });
}

}  // namespace karapace::steps::deb
