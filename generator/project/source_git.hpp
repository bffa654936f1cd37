// SPDX-License-Identifier: Apache-2.0
// The real git, as sources ask it: a child without a shell, with the user's configuration, keys and credential helpers,
// that asks for no password where nobody sits.
//
// Only git's own transports are used, whoever named the repository; what it tells has an end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/child.hpp"

namespace karapace::project {

/// Whether git may fetch from this machine's files, also where the user's configuration has them for another URL.
enum class LocalFiles { refused, allowed };

struct GitCall {
  const std::filesystem::path& repository;
  std::vector<std::string> words;
  std::string_view input = {};
  LocalFiles local_files = LocalFiles::refused;
  std::uint64_t most_told = std::uint64_t{1} << 30;  // bytes: of the largest file
};

/// Whatever comes of it. RemoteError when there is no git.
Captured source_git(const GitCall& call);
/// What it tells. RemoteError, that begins with `what`, when it fails.
std::string required_git(const GitCall& call, std::string_view what);
/// The words of one that failed, a line each, without passwords.
std::string git_words(const Captured& result);

/// A URL as messages show it.
std::string shown_url(std::string_view url);
std::string first_line(std::string_view text);

}  // namespace karapace::project
