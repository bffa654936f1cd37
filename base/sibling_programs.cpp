// SPDX-License-Identifier: Apache-2.0
#include "base/sibling_programs.hpp"

#include <array>
#include <cerrno>
#include <span>
#include <string>

#include <climits>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.hpp"

namespace karapace {

namespace {

std::filesystem::path own_directory() {
  std::array<char, PATH_MAX> buffer{};
  auto length = ::readlink("/proc/self/exe", buffer.data(), buffer.size());
  if (length < 0) throw Error(errno_message("cannot read /proc/self/exe; is /proc mounted?", errno));
  return std::filesystem::path(std::string_view(buffer.data(), static_cast<std::size_t>(length))).parent_path();
}

std::array<std::filesystem::path, 3> places_of(std::string_view name) {
  auto own = own_directory();
  auto prefix = own.parent_path();
  return {own / name, prefix / "libexec" / "karapace" / name, prefix.parent_path() / "bin" / name};
}

std::optional<std::filesystem::path> first_executable(std::span<const std::filesystem::path> places) {
  for (const auto& place : places) {
    if (::access(place.c_str(), X_OK) == 0) return place;
  }
  return std::nullopt;
}

}  // namespace

std::filesystem::path find_program(std::string_view name) {
  const auto places = places_of(name);
  if (auto found = first_executable(places)) return *found;
  throw Error(fmt::format("the program {} is missing: looked for {}, {} and {}; install Karapace completely", name,
                          places[0].string(), places[1].string(), places[2].string()));
}

std::optional<std::filesystem::path> find_program_if_there(std::string_view name) {
  return first_executable(places_of(name));
}

}  // namespace karapace
