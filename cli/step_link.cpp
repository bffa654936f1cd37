// SPDX-License-Identifier: Apache-2.0
#include "cli/step_link.hpp"

#include <array>
#include <cerrno>

#include <climits>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;

bool leads_to(const fs::path& link, const fs::path& target) {
  std::array<char, PATH_MAX> buffer{};
  auto length = ::readlink(link.c_str(), buffer.data(), buffer.size());
  return length > 0 && std::string_view(buffer.data(), static_cast<std::size_t>(length)) == target.native();
}

/// symlink(2) makes it whole or not at all. Who else makes it now makes the same.
void replace_link(const fs::path& link, const fs::path& target) {
  ::unlink(link.c_str());
  if (::symlink(target.c_str(), link.c_str()) == 0 || errno == EEXIST) return;
  throw StoreError(errno_message(fmt::format("cannot make the link \"{}\"", link.native()), errno));
}

}  // namespace

void make_link(const EdgeCommand& edge) {
  auto hint = edge.hints.find("link");
  if (hint == edge.hints.end()) return;
  const auto& name = hint->second;
  if (name.empty() || name.starts_with('.') || name.find('/') != std::string::npos) {
    throw UsageError(fmt::format("--hint link={}: a link is a name, no path, and does not begin with a dot", name));
  }
  auto directory = edge.store / "links";
  auto target = fs::path("../steps") / edge.key.hex();
  if (leads_to(directory / name, target)) return;
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
    throw StoreError(errno_message(fmt::format("cannot make \"{}\"", directory.native()), errno));
  }
  replace_link(directory / name, target);
}

}  // namespace karapace::cli
