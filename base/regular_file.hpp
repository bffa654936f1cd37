// SPDX-License-Identifier: Apache-2.0
// Reading files that somebody else put there: in a project, an archive, a layer, a directory of the host.
//
// Such a name can be a link to anywhere, a FIFO to which nobody will ever write, or a device. What is opened here is a
// regular file, the opening never waits, and how far links may lead is said by the caller. What was looked at is what
// is read: nothing is resolved twice.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/fd.hpp"

namespace karapace {

enum class Links {
  followed,  // wherever they lead: for paths that the user or this program chose
  inside,    // as long as they stay below the directory: one that leads out is an error (RESOLVE_BENEATH)
  as_root,   // as if the directory were "/" (RESOLVE_IN_ROOT)
  refused,   // none, in no part of the path: for trees whose listing says that there is none
};

/// Opens `path` below `directory` for reading. Nothing when it does not exist; StoreError that names the path when it
/// can not be opened, is no regular file, or a link leads where it must not.
std::optional<Fd> open_regular(int directory, const std::filesystem::path& path, Links links);

struct RegularFile {
  std::optional<Fd> fd;
  std::string refusal;  // after the file's name: "is not a regular file"; empty when there is nothing of that name
  int number = 0;       // the errno, when the kernel refused
};
/// The same for callers who have words of their own.
RegularFile try_open_regular(int directory, const std::filesystem::path& path, Links links);

/// StoreError when the open file is not a regular one.
void require_regular(int fd, const std::filesystem::path& path);

}  // namespace karapace
