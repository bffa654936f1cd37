// SPDX-License-Identifier: Apache-2.0
#include "base/path_error.hpp"

#include <cerrno>
#include <filesystem>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace {

namespace {

namespace fs = std::filesystem;

std::string quoted(const fs::path& path) { return fmt::format("\"{}\"", escaped_utf8(path.native())); }

/// The first part of the path that can be seen, but not followed.
fs::path link_in_a_circle(const fs::path& path) {
  fs::path above;
  struct stat status{};
  for (const auto& part : path) {
    above /= part;
    if (::lstat(above.c_str(), &status) == 0 && ::stat(above.c_str(), &status) != 0 && errno == ELOOP) return above;
  }
  return path;
}

std::string remedy(const fs::path& path, int error) {
  switch (error) {
    case ELOOP:
      return fmt::format(": the link {} leads back to itself; remove it and try again", quoted(link_in_a_circle(path)));
    case ENAMETOOLONG: return "; choose a shorter path";
    case EACCES: return "; have the directories above it opened to you, or name another path";
    default: return {};
  }
}

std::string text_of(const fs::filesystem_error& error) {
  const int number = error.code().value();
  const auto& path = error.path1();
  if (path.empty() && number == ENOENT) return "the working directory is gone: change into another";
  const auto what = path.empty() ? std::string("cannot use a path") : "cannot use " + quoted(path);
  return errno_message(what, number) + remedy(path, number);
}

}  // namespace

std::string told_text(const std::exception& error) {
  const auto* of_path = dynamic_cast<const fs::filesystem_error*>(&error);
  return of_path != nullptr ? text_of(*of_path) : error.what();
}

}  // namespace karapace
