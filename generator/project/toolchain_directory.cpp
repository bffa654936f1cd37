// SPDX-License-Identifier: Apache-2.0
#include "generator/project/toolchain_directory.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/fd.hpp"
#include "generator/project/own_directory.hpp"
#include "generator/project/toolchain_text.hpp"

namespace karapace::generator {

namespace {

namespace fs = std::filesystem;

std::string quoted(const fs::path& path) { return fmt::format("\"{}\"", escaped_utf8(path.native())); }

/// A directory of an old toolchain. Only what begins as a toolchain's file may be in it: all of it will be removed.
class OldToolchain {
 public:
  static std::optional<OldToolchain> open(int parent, const fs::path& path) {
    Fd top(::openat(parent, path.filename().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!top && errno == ENOENT) return std::nullopt;
    if (!top) refuse(fmt::format("{} is a link or no directory", quoted(path)));
    return OldToolchain(std::move(top), path);
  }

  void remove() const {
    if (!bin_) return;
    for (const auto& name : names_in(bin_.get(), path_)) ::unlinkat(bin_.get(), name.c_str(), 0);
    ::unlinkat(top_.get(), "bin", AT_REMOVEDIR);
    ::unlinkat(top_.get(), std::string(toolchain_file).c_str(), 0);
  }

 private:
  OldToolchain(Fd top, const fs::path& path) : top_(std::move(top)), path_(path) {
    auto names = names_in(top_.get(), path_);
    if (names.empty()) return;  // made by a person, to be filled
    for (const auto& name : names) {
      if (name != "bin") require_ours(top_.get(), path_ / name, name == toolchain_file);
    }
    bin_ = Fd(::openat(top_.get(), "bin", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!bin_) refuse(fmt::format("{} holds no toolchain", quoted(path_)));
    for (const auto& name : names_in(bin_.get(), path_ / "bin")) require_ours(bin_.get(), path_ / "bin" / name, true);
  }

  [[noreturn]] static void refuse(const std::string& what) {
    throw Error(
        fmt::format("toolchain: {}, so it is left alone: name a directory that does not exist yet with -C, or "
                    "leave -C out",
                    what));
  }

  static void require_ours(int directory, const fs::path& path, bool name_fits) {
    Fd fd(::openat(directory, path.filename().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status{};
    if (name_fits && fd && ::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode)) {
      constexpr std::string_view first_line = "#!/bin/sh\n";
      std::string start(first_line.size() + toolchain_mark.size(), '\0');
      auto count = ::read(fd.get(), start.data(), start.size());
      start.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
      std::string_view text = start;
      if (text.starts_with(first_line)) text.remove_prefix(first_line.size());
      if (text.starts_with(toolchain_mark)) return;
    }
    refuse(fmt::format("{} is not of a toolchain", quoted(path)));
  }

  Fd top_;
  Fd bin_;
  fs::path path_;
};

struct FreshDirectory {
  std::string name;
  Fd fd;
};

/// A new directory beside `path`, in the open `parent`, under an unguessable name. What runs in a session may put another
/// thing in its place at once: so it is opened without following a link, and everything else goes by the descriptor.
FreshDirectory fresh_directory(int parent, const fs::path& path) {
  std::string made = fmt::format("/proc/self/fd/{}/.{}-XXXXXX", parent, path.filename().native());
  if (::mkdtemp(made.data()) != nullptr) {
    FreshDirectory fresh{fs::path(made).filename(), {}};
    fresh.fd = Fd(::openat(parent, fresh.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (fresh.fd && ::fchmod(fresh.fd.get(), 0755) == 0) return fresh;
  }
  throw Error(errno_message(fmt::format("toolchain: cannot make a directory beside {}", quoted(path)), errno));
}

}  // namespace

void write_toolchain(const fs::path& directory, const store::ToolchainFiles& files,
                     const OwnDirectory::WrittenBySessions& written_by_sessions) {
  auto path = directory.has_filename() ? directory : directory.parent_path();
  auto parent = OwnDirectory::make(path.parent_path(), "toolchain", written_by_sessions);
  auto old = OldToolchain::open(parent.fd(), path);
  auto fresh = fresh_directory(parent.fd(), path);
  store::write_toolchain_files(fresh.fd.get(), files);
  const auto& name = fresh.name;
  unsigned flags = old ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (::renameat2(parent.fd(), name.c_str(), parent.fd(), path.filename().c_str(), flags) != 0) {
    throw Error(errno_message(fmt::format("toolchain: cannot make {}", quoted(path)), errno));
  }
  if (!old) return;
  old->remove();
  ::unlinkat(parent.fd(), name.c_str(), AT_REMOVEDIR);
}

}  // namespace karapace::generator
