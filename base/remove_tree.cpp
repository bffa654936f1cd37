// SPDX-License-Identifier: Apache-2.0
// A tree may be deeper than there are descriptors, and deeper than a path may be long (path_limit.hpp): what lies below
// a certain depth is moved up to the top of the tree and removed there. Such branches are removed by several threads at
// once, each a loop with one descriptor per level: a file system may wait for its disk with every directory removed,
// and a hundred thousand waits in a row take minutes.
#include "base/remove_tree.hpp"

#include <cerrno>
#include <compare>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <dirent.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/fd.hpp"
#include "base/parallel.hpp"

namespace karapace {

namespace {

constexpr std::size_t deepest = 32;
constexpr std::size_t most_threads = 8;  // times `deepest`: a quarter of the descriptors that a process usually has

[[noreturn]] void throw_remove_error(const std::string& path) {
  throw StoreError(errno_message(fmt::format("cannot remove \"{}\"", escaped_utf8(path)), errno));
}

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

/// Opens the directory `name`, making it readable, writable and searchable for us first when its mode forbids that.
/// Nothing when somebody else has removed it.
Directory open_directory(int parent, const char* name, const std::string& path) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  Fd fd(::openat(parent, name, flags));
  if (!fd && errno == EACCES && ::fchmodat(parent, name, 0700, 0) == 0) fd = Fd(::openat(parent, name, flags));
  Directory directory(fd ? ::fdopendir(fd.get()) : nullptr);
  if (!directory && errno == ENOENT) return nullptr;
  if (!directory) throw_remove_error(path);
  fd.release();
  return directory;
}

/// A name in the top directory that nobody else uses, nor could have guessed.
std::string moved_prefix() {
  std::uint64_t random = 0;
  while (::getrandom(&random, sizeof random, 0) != sizeof random) {
  }
  return fmt::format(".karapace-deep-{:016x}-", random);
}

/// Where branches that were too deep are moved to, and who removes them. Shared by the threads of one removal.
class Branches {
 public:
  Branches(int top, std::string path) : top_(top), path_(std::move(path)), prefix_(moved_prefix()) {}

  int top() const noexcept { return top_; }
  const std::string& path() const noexcept { return path_; }
  bool is_one(std::string_view name) const noexcept { return name.starts_with(prefix_); }

  /// Moves the directory `name` to the top and leaves it to whichever thread is free. False with errno.
  bool add(int parent, const std::string& name) {
    std::unique_lock lock(mutex_);
    auto moved = fmt::format("{}{}", prefix_, count_++);
    lock.unlock();
    if (!rename(parent, name, moved)) return false;
    lock.lock();
    waiting_.push_back(std::move(moved));
    if (threads_.size() + 1 < most_threads) start_thread();
    changed_.notify_one();
    return true;
  }

  /// Removes branches until none is left and nobody works on what could bring more.
  void work() {
    while (auto name = take()) {
      attempt([&] { remove(*name); });
    }
  }

  /// Does `work`, which may add branches; an error ends the whole removal.
  template <class Work>
  void attempt(Work work) {
    try {
      work();
    } catch (...) {
      std::lock_guard guard(mutex_);
      if (!failure_) failure_ = std::current_exception();
      waiting_.clear();
    }
    std::lock_guard guard(mutex_);
    --working_;
    changed_.notify_all();
  }

  /// To be called by the thread that removes the top, when all is done.
  void finish() {
    threads_.clear();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void remove(const std::string& name);

  std::optional<std::string> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !waiting_.empty() || working_ == 0; });
    if (waiting_.empty() || failure_) return std::nullopt;
    auto name = std::move(waiting_.back());
    waiting_.pop_back();
    ++working_;
    return name;
  }

  /// A directory that gets another parent must be writable itself, as ".." in it changes.
  bool rename(int parent, const std::string& name, const std::string& moved) const {
    if (::renameat(parent, name.c_str(), top_, moved.c_str()) == 0) return true;
    if (errno == ENOENT) return true;
    if (errno != EACCES) return false;
    for (int directory : {parent, top_}) ::fchmod(directory, 0700);
    ::fchmodat(parent, name.c_str(), 0700, 0);
    return ::renameat(parent, name.c_str(), top_, moved.c_str()) == 0;
  }

  void start_thread() {
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      // Fewer threads do it, too.
    }
  }

  int top_;
  std::string path_;
  std::string prefix_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> waiting_;
  std::size_t count_ = 0;
  std::size_t working_ = 1;  // the thread that removes the top
  std::exception_ptr failure_;
  std::vector<std::jthread> threads_;
};

/// One open directory of the walk.
struct Level {
  Directory directory;
  std::string name;       // in its parent; empty for the top, which is left in place
  bool writable = false;  // its mode was changed
};

/// One branch, or what is in the top.
class Removal {
 public:
  explicit Removal(Branches& branches) : branches_(branches), path_(branches.path()) {}

  void run(const std::string& name) {
    push(branches_.top(), name);
    while (!levels_.empty()) step();
  }

 private:
  int current() const noexcept { return levels_.empty() ? branches_.top() : ::dirfd(levels_.back().directory.get()); }

  void push(int parent, const std::string& name) {
    if (!name.empty()) path_ += '/' + name;
    auto directory = open_directory(parent, name.empty() ? "." : name.c_str(), path_);
    if (directory) return levels_.push_back({std::move(directory), name});
    if (!name.empty()) path_.resize(path_.size() - name.size() - 1);
  }

  void step() {
    errno = 0;
    const dirent* entry = ::readdir(levels_.back().directory.get());
    if (entry == nullptr && errno != 0) throw_remove_error(path_);
    if (entry == nullptr) return leave();
    std::string name = entry->d_name;
    if (name == "." || name == "..") return;
    if (levels_.front().name.empty() && levels_.size() == 1 && branches_.is_one(name)) return;
    if (entry->d_type != DT_DIR && unlink(name, 0)) return;
    if (levels_.size() == deepest) {
      if (!branches_.add(current(), name)) throw_remove_error(path_ + '/' + name);
      return;
    }
    push(current(), name);
  }

  void leave() {
    std::string name = levels_.back().name;
    levels_.pop_back();
    if (name.empty()) return;
    if (!unlink(name, AT_REMOVEDIR)) throw_remove_error(path_);
    path_.resize(path_.size() - name.size() - 1);
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

  Branches& branches_;
  std::string path_;
  std::vector<Level> levels_;
};

void Branches::remove(const std::string& name) { Removal(*this).run(name); }

struct Inode {
  dev_t device = 0;
  ino_t number = 0;
  auto operator<=>(const Inode&) const = default;
};

/// A file with several names.
struct Shared {
  std::uint64_t bytes = 0;
  std::uint64_t names = 0;  // in all
  std::uint64_t found = 0;  // below the paths
  std::size_t path = 0;     // the first path that has it
};

struct Tree {
  std::uint64_t bytes = 0;  // of files with one name
  std::map<Inode, Shared> shared;
  std::filesystem::path obstacle;
};

Inode inode_of(const struct stat& status) { return {status.st_dev, status.st_ino}; }

/// Walks a tree of any depth with one descriptor: each level knows which of its directories are still to come, and ".."
/// leads back to it. What can not be read counts nothing.
class Measuring {
 public:
  explicit Measuring(std::filesystem::path path) : path_(std::move(path)) {}

  Tree run() && {
    begin();
    while (!levels_.empty() && step()) {
    }
    return std::move(tree_);
  }

  /// The directory alone; those in it are added to `directories`.
  Tree run_shallow(std::vector<std::filesystem::path>& directories) && {
    begin();
    if (levels_.empty()) return std::move(tree_);
    for (const auto& name : levels_.back().directories) directories.push_back(path_ / name);
    return std::move(tree_);
  }

 private:
  struct Level {
    std::string name;
    Inode inode;
    std::vector<std::string> directories;  // still to be visited
  };

  void begin() {
    struct stat status{};
    if (::lstat(path_.c_str(), &status) == 0 && S_ISREG(status.st_mode)) count(status);
    enter(AT_FDCWD, path_.c_str());
  }

  /// Who owns a directory can allow himself to remove from it.
  void note_obstacle(const struct stat& status, const char* name) {
    if (status.st_uid == ::geteuid() || !tree_.obstacle.empty()) return;
    tree_.obstacle = path_;
    if (levels_.empty()) return;
    for (std::size_t i = 1; i < levels_.size(); ++i) tree_.obstacle /= levels_[i].name;
    tree_.obstacle /= name;
  }

  /// False when the tree changed under our feet.
  bool step() {
    auto& directories = levels_.back().directories;
    if (directories.empty()) return leave();
    auto name = std::move(directories.back());
    directories.pop_back();
    enter(::dirfd(at_.get()), name.c_str());
    return true;
  }

  void enter(int parent, const char* name) {
    Fd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status{};
    if (!fd && errno == EACCES && ::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
      return note_obstacle(status, name);
    // Without search permission ".." would lead nowhere.
    if (!fd || ::fstat(fd.get(), &status) != 0) return;
    if (::faccessat(fd.get(), ".", X_OK, AT_EACCESS) != 0) return note_obstacle(status, name);
    const bool writable = ::faccessat(fd.get(), ".", W_OK, AT_EACCESS) == 0;
    Directory directory(::fdopendir(fd.get()));
    if (!directory) return;
    fd.release();
    entries_ = 0;
    auto directories = read(directory.get());
    if (!writable && entries_ > 0) note_obstacle(status, name);
    levels_.push_back({name, inode_of(status), std::move(directories)});
    at_ = std::move(directory);
  }

  bool leave() {
    levels_.pop_back();
    if (levels_.empty()) return true;
    Fd fd(::openat(::dirfd(at_.get()), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat status{};
    if (!fd || ::fstat(fd.get(), &status) != 0 || inode_of(status) != levels_.back().inode) return false;
    Directory directory(::fdopendir(fd.get()));
    if (!directory) return false;
    fd.release();
    at_ = std::move(directory);
    return true;
  }

  std::vector<std::string> read(DIR* directory) {
    std::vector<std::string> directories;
    while (const dirent* entry = ::readdir(directory)) {
      std::string_view name = entry->d_name;
      struct stat status{};
      if (name == "." || name == "..") continue;
      ++entries_;
      if (::fstatat(::dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (S_ISDIR(status.st_mode)) directories.emplace_back(name);
      if (S_ISREG(status.st_mode)) count(status);
    }
    return directories;
  }

  void count(const struct stat& status) {
    auto bytes = static_cast<std::uint64_t>(status.st_size);
    if (status.st_nlink == 1) {
      tree_.bytes += bytes;
      return;
    }
    auto& shared = tree_.shared[inode_of(status)];
    shared.bytes = bytes;
    shared.names = status.st_nlink;
    ++shared.found;
  }

  std::filesystem::path path_;
  Tree tree_;
  std::size_t entries_ = 0;  // of the directory that was read last
  Directory at_;
  std::vector<Level> levels_;
};

/// A part of a path, for one thread.
struct Unit {
  std::size_t path = 0;
  std::filesystem::path directory;
};

constexpr std::size_t units_per_thread = 16;
constexpr int deepest_unit = 5;

/// Takes the top off large trees, a level at a time, until there is something for each thread. `visit` is called for
/// each directory that was taken off, and adds those in it.
template <class Visit>
std::vector<Unit> divide(const std::vector<std::filesystem::path>& paths, unsigned threads, Visit visit) {
  std::vector<Unit> units;
  for (std::size_t i = 0; i < paths.size(); ++i) units.push_back({i, paths[i]});
  for (int level = 0; level < deepest_unit && threads > 1 && units.size() < threads * units_per_thread; ++level) {
    std::vector<Unit> smaller;
    for (const auto& unit : units) {
      std::vector<std::filesystem::path> directories;
      visit(unit, directories);
      for (auto& directory : directories) smaller.push_back({unit.path, std::move(directory)});
    }
    units = std::move(smaller);
  }
  return units;
}

void add_tree(Tree& sum, Tree&& part) {
  sum.bytes += part.bytes;
  for (const auto& [inode, shared] : part.shared) {
    auto [known, is_new] = sum.shared.try_emplace(inode, shared);
    if (!is_new) known->second.found += shared.found;
  }
  if (sum.obstacle.empty()) sum.obstacle = std::move(part.obstacle);
}

std::vector<std::filesystem::path> directories_in(const std::filesystem::path& path) {
  std::vector<std::filesystem::path> directories;
  Directory directory(::opendir(path.c_str()));
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") directories.push_back(path / name);
  }
  return directories;
}

}  // namespace

void remove_tree(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return;
  if (errno != EISDIR) throw_remove_error(path);
  {
    auto top = open_directory(AT_FDCWD, path.c_str(), path);
    if (!top) return;
    Branches branches(::dirfd(top.get()), path);
    branches.attempt([&] { Removal(branches).run(""); });
    branches.work();
    branches.finish();
  }
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) throw_remove_error(path);
}

void remove_trees(const std::vector<std::filesystem::path>& paths, unsigned threads) {
  std::mutex mutex;
  std::exception_ptr failure;
  auto remove = [&](const std::filesystem::path& path) {
    try {
      remove_tree(path);
    } catch (...) {
      std::lock_guard guard(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  const auto units = divide(paths, threads, [](const Unit& unit, std::vector<std::filesystem::path>& directories) {
    struct stat status{};
    if (::lstat(unit.directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
      directories = directories_in(unit.directory);
  });
  for_each_index(units.size(), threads, [&](std::size_t i) { remove(units[i].directory); });
  for_each_index(paths.size(), threads, [&](std::size_t i) { remove(paths[i]); });
  if (failure) std::rethrow_exception(failure);
}

std::vector<Survey> survey_trees(const std::vector<std::filesystem::path>& paths, unsigned threads) {
  std::vector<Tree> trees(paths.size());
  const auto units = divide(paths, threads, [&](const Unit& unit, std::vector<std::filesystem::path>& directories) {
    add_tree(trees[unit.path], Measuring(unit.directory).run_shallow(directories));
  });
  std::vector<Tree> parts(units.size());
  for_each_index(units.size(), threads, [&](std::size_t i) { parts[i] = Measuring(units[i].directory).run(); });
  for (std::size_t i = 0; i < parts.size(); ++i) add_tree(trees[units[i].path], std::move(parts[i]));
  std::vector<Survey> surveys(paths.size());
  std::map<Inode, Shared> all;
  for (std::size_t i = 0; i < trees.size(); ++i) {
    surveys[i] = {trees[i].bytes, std::move(trees[i].obstacle)};
    for (const auto& [inode, shared] : trees[i].shared) {
      auto& sum = all.try_emplace(inode, Shared{shared.bytes, shared.names, 0, i}).first->second;
      sum.found += shared.found;
    }
  }
  for (const auto& [inode, shared] : all) {
    if (shared.found >= shared.names) surveys[shared.path].bytes += shared.bytes;
  }
  return surveys;
}

}  // namespace karapace
