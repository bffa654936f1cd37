// SPDX-License-Identifier: Apache-2.0
#include "release/launchers.hpp"

#include <algorithm>

#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"

namespace karapace::release {

namespace {

constexpr std::string_view prefix = ".launcher-";
constexpr std::size_t digits = 16;

}  // namespace

std::string launcher_name(std::string_view program) {
  return std::string(prefix) + blake3(program).hex().substr(0, digits);
}

bool is_launcher_name(std::string_view name) noexcept {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return name.starts_with(prefix) && name.size() == prefix.size() + digits &&
         std::all_of(name.begin() + prefix.size(), name.end(), is_digit);
}

std::optional<std::string> read_launcher(const Destination& destination, const std::string& name) {
  const auto bin = open_if_exists(AT_FDCWD, destination.root() / "bin", O_PATH | O_DIRECTORY | O_NOFOLLOW);
  const auto file = bin ? try_open_regular(bin->get(), name, Links::refused) : RegularFile{};
  if (!file.fd) return std::nullopt;
  struct stat above{};
  struct stat status{};
  if (::fstat(bin->get(), &above) != 0 || ::fstat(file.fd->get(), &status) != 0 || (status.st_mode & 0222) != 0 ||
      (status.st_uid != above.st_uid && status.st_uid != ::geteuid() && status.st_uid != 0))
    return std::nullopt;
  auto bytes = read_all(file.fd->get(), name);
  if (launcher_name(bytes) != name) return std::nullopt;
  return bytes;
}

}  // namespace karapace::release
