// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <memory>
#include <vector>

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/error.hpp"
#include "store/escape.hpp"
#include "store/fd.hpp"

namespace karapace {

namespace {

[[noreturn]] void throw_remove_error(const std::string& path) {
  throw StoreError(errno_message(fmt::format("cannot remove \"{}\"", escaped_utf8(path)), errno));
}

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

/// Opens the directory `name`, making it readable, writable and searchable for us first when its mode forbids that.
Directory open_directory(int parent, const char* name, const std::string& path) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  int fd = ::openat(parent, name, flags);
  if (fd < 0 && errno == EACCES && ::fchmodat(parent, name, 0700, 0) == 0) fd = ::openat(parent, name, flags);
  if (fd < 0) throw_remove_error(path);
  return Directory(::fdopendir(fd));
}

/// One open directory of the walk. The walk is a loop and keeps one descriptor per level.
struct Level {
  Directory directory;
  std::string name;          // in its parent
  bool writable = false;     // its mode was changed
  bool read_again = false;   // deeper directories were moved into it
};

/// Descriptors are scarce (1,024 by default): what lies deeper is moved up to the top of the tree, then removed there.
constexpr std::size_t deepest = 128;

class Removal {
 public:
  Removal(int parent, const std::string& name, std::string path) : parent_(parent), path_(std::move(path)) {
    push(parent, name);
  }

  void run() {
    while (!levels_.empty()) step();
  }

 private:
  int current() const noexcept { return levels_.empty() ? parent_ : ::dirfd(levels_.back().directory.get()); }

  void push(int parent, const std::string& name) {
    levels_.push_back({open_directory(parent, name.c_str(), path_), name});
  }

  void step() {
    errno = 0;
    const dirent* entry = ::readdir(levels_.back().directory.get());
    if (entry == nullptr && errno != 0) throw_remove_error(path_);
    if (entry == nullptr) return leave();
    std::string name = entry->d_name;
    if (name == "." || name == "..") return;
    if (entry->d_type != DT_DIR && unlink(name, 0)) return;
    if (levels_.size() == deepest) return move_up(name);
    path_ += '/' + name;
    push(current(), name);
  }

  void move_up(const std::string& name) {
    auto& top = levels_.front();
    std::string moved = fmt::format(".karapace-deep-{}", moved_++);
    if (::renameat(current(), name.c_str(), ::dirfd(top.directory.get()), moved.c_str()) != 0) {
      throw_remove_error(path_ + '/' + name);
    }
    top.read_again = true;
  }

  void leave() {
    if (std::exchange(levels_.back().read_again, false)) return ::rewinddir(levels_.back().directory.get());
    std::string name = levels_.back().name;
    levels_.pop_back();
    if (!unlink(name, AT_REMOVEDIR)) throw_remove_error(path_);
    if (!levels_.empty()) path_.resize(path_.size() - name.size() - 1);
  }

  /// False when `name` is a directory after all. A directory that forbids writing is changed once, then asked again.
  bool unlink(const std::string& name, int flags) {
    if (::unlinkat(current(), name.c_str(), flags) == 0 || errno == ENOENT) return true;
    if (errno == EISDIR) return false;
    bool allowed_now = errno == EACCES && !levels_.empty() && !levels_.back().writable;
    if (allowed_now && ::fchmod(current(), 0700) == 0) {
      levels_.back().writable = true;
      return unlink(name, flags);
    }
    throw_remove_error(path_ + '/' + name);
  }

  int parent_;
  std::string path_;
  std::vector<Level> levels_;
  std::size_t moved_ = 0;
};

}  // namespace

void remove_tree(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return;
  if (errno != EISDIR) throw_remove_error(path);
  Removal(AT_FDCWD, path, path).run();
}

}  // namespace karapace
