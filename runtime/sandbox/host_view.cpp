// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/host_view.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/words.hpp"
#include "runtime/sandbox/mount_executor.hpp"
#include "runtime/sandbox/session_mounts.hpp"
#include "runtime/sys/small_text.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::sandbox {
namespace {

namespace fs = std::filesystem;
using Kind = HostOperation::Kind;
using sys::Recursive;

/// mountinfo writes space, tab, newline and backslash as \040 and the like.
std::string unescaped(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      result += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string_view next_word(std::string_view& line) {
  const auto end = std::min(line.find(' '), line.size());
  const auto word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

std::optional<HostMount> parse_mount(std::string_view line) {
  HostMount mount;
  const auto id = next_word(line);
  if (std::from_chars(id.data(), id.data() + id.size(), mount.id).ec != std::errc()) return std::nullopt;
  next_word(line);  // its parent
  mount.device = next_word(line);
  mount.root = unescaped(next_word(line));
  mount.point = unescaped(next_word(line));
  if (!mount.root.is_absolute() || !mount.point.is_absolute()) return std::nullopt;
  return mount;
}

fs::path below(const fs::path& path, const fs::path& directory) {
  const auto rest = path.lexically_relative(directory);
  return rest == "." ? fs::path() : rest;
}

fs::path joined(const fs::path& directory, const fs::path& rest) { return rest.empty() ? directory : directory / rest; }

/// The directories between a shown one and what lies in it, outermost first, with neither end.
std::vector<fs::path> between(const fs::path& shown, const fs::path& path) {
  std::vector<fs::path> directories;
  for (auto parent = path.parent_path(); parent != shown && parent.has_relative_path(); parent = parent.parent_path())
    directories.push_back(parent);
  std::reverse(directories.begin(), directories.end());
  return directories;
}

/// The way that the host goes from a link to a file, link by link, those of directories too: who exchanges one of them,
/// or a directory that is left again by "..", leads it elsewhere.
class Way {
 public:
  explicit Way(const fs::path& link) : written_(link) {
    push(link);
    while (!rest_.empty()) step();
  }

  /// All that it passes, in order; the last is not a directory's when `end` is no directory.
  const std::vector<fs::path>& links() const noexcept { return links_; }
  /// Where it ends, whether or not anything is there.
  const fs::path& end() const noexcept { return real_; }

 private:
  // Links may be made to lead through thousands of directories, each of which would be a mount.
  static constexpr std::size_t most_links = 8;
  static constexpr std::ptrdiff_t most_parts = 64;

  void step() {
    const auto part = std::move(rest_.back());
    rest_.pop_back();
    if (part == "..") {
      // Up from the link's own directory is the way that is held already.
      if (has_gone_down_) refuse("goes up again after going down");
      real_ = real_.parent_path();
      return;
    }
    auto next = real_ / part;
    std::error_code error;
    if (std::distance(next.begin(), next.end()) > most_parts) refuse("is too deep");
    if (!fs::is_symlink(fs::symlink_status(next, error))) {
      real_ = std::move(next);
      has_gone_down_ = true;
      return;
    }
    links_.push_back(next);
    if (links_.size() > most_links) refuse("passes too many links");
    const auto target = fs::read_symlink(next, error);
    if (error) refuse("can not be read");
    if (target.is_absolute()) real_ = "/";
    has_gone_down_ = false;
    push(target);
  }

  void push(const fs::path& path) {
    std::vector<fs::path> parts;
    for (const auto& part : path.relative_path())
      if (!part.empty() && part != ".") parts.push_back(part);
    rest_.insert(rest_.end(), parts.rbegin(), parts.rend());
  }

  [[noreturn]] void refuse(std::string_view why) const {
    throw SandboxError(fmt::format(
        "sandbox: \"{}\" is a link, and its way to a file {}, so that what runs here could lead it elsewhere: let "
        "it lead to the file itself, or put the file in its place",
        escaped_utf8(written_.native()), why));
  }

  const fs::path& written_;
  std::vector<fs::path> rest_;  // the next part last
  std::vector<fs::path> links_;
  fs::path real_ = "/";
  bool has_gone_down_ = false;
};

class Planner {
 public:
  Planner(const HostMounts& mounts, const HostLimits& limits) : mounts_(mounts), limits_(limits) {}

  std::vector<HostOperation> plan() {
    if (limits_.hidden) hide(*limits_.hidden);
    for (const auto& path : limits_.read_only) protect(path);
    // Outer ones first: an inner one is looked up through them. Covers come last, as nothing can be found below.
    std::vector<HostOperation> result;
    for (const auto& pin : pins_) result.push_back({.kind = Kind::pin, .path = pin});
    std::stable_sort(result.begin(), result.end(), [](const HostOperation& a, const HostOperation& b) {
      return std::distance(a.path.begin(), a.path.end()) < std::distance(b.path.begin(), b.path.end());
    });
    std::sort(operations_.begin(), operations_.end());
    operations_.erase(std::unique(operations_.begin(), operations_.end()), operations_.end());
    result.insert(result.end(), operations_.begin(), operations_.end());
    return result;
  }

 private:
  void hide(const fs::path& directory) {
    if (!identity(directory))
      throw SandboxError(
          errno_message(fmt::format("sandbox: cannot look at \"{}\"", escaped_utf8(directory.native())), errno));
    for (const auto& part : mounts_.parts_of(directory)) hide_everywhere(part);
  }

  void hide_everywhere(const fs::path& directory) {
    const auto here = identity(directory);
    for (const auto& path : paths_of(directory)) {
      // A path that another mount covers leads elsewhere; a mount of a part of it shows just that part.
      const auto found = identity(path);
      const bool leads_there = found && (found == here || mounts_.lies_within(path, directory));
      if (leads_there && pin_ways_to(path)) operations_.push_back({Kind::hide, path, found->first, found->second});
    }
  }

  void protect(const fs::path& file) {
    struct stat status{};
    if (::lstat(file.c_str(), &status) != 0) {
      // Where nothing can be, nothing is believed.
      if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG) return;
      throw SandboxError(
          fmt::format("{}: make the directories that lead there accessible to this user (chmod u+rwx), or remove them",
                      errno_message(fmt::format("sandbox: cannot look at \"{}\", which sessions must not write to",
                                                escaped_utf8(file.native())),
                                    errno)));
    }
    if (S_ISLNK(status.st_mode)) return protect_link(file);
    std::error_code error;
    const auto parent = fs::canonical(file.parent_path(), error);
    if (!error) protect_everywhere(parent / file.filename());
  }

  /// A link at a name that only we make is nobody's: `gen` refuses it, and nothing is shown through it.
  void protect_link(const fs::path& link) {
    std::error_code error;
    const auto parent = fs::canonical(link.parent_path(), error);
    if (error) return;
    const auto real = parent / link.filename();
    const bool is_followed =
        std::find(limits_.followed.begin(), limits_.followed.end(), link) != limits_.followed.end();
    if (!is_followed) return protect_everywhere(real);
    const Way way(real);
    const auto target = is_shown_file(way.end()) ? way.end() : fs::path();
    for (const auto& one : way.links()) protect_everywhere(one, &one == &way.links().back() ? target : fs::path());
    if (!target.empty()) protect_everywhere(target);
  }

  /// A regular file that the session sees anyway.
  bool is_shown_file(const fs::path& file) const {
    std::error_code error;
    if (!fs::is_regular_file(fs::symlink_status(file, error)) || is_hidden(file)) return false;
    const auto paths = paths_of(file);
    return std::any_of(paths.begin(), paths.end(), [&](const fs::path& path) {
      return std::any_of(limits_.shown.begin(), limits_.shown.end(),
                         [&](const fs::path& one) { return lies_in(path, one); });
    });
  }

  bool is_hidden(const fs::path& path) const { return limits_.hidden && mounts_.lies_within(path, *limits_.hidden); }

  void protect_everywhere(const fs::path& file, const fs::path& target = {}) {
    // Nothing of what is hidden is seen, and nothing in it is locked for a link's sake.
    if (is_hidden(file)) return;
    for (const auto& path : paths_of(file))
      if (pin_ways_to(path)) operations_.push_back({.kind = Kind::read_only, .path = path, .target = target});
  }

  std::vector<fs::path> paths_of(const fs::path& path) const {
    const auto place = mounts_.place_of(path);
    return place ? mounts_.paths_of(*place) : std::vector<fs::path>{path};
  }

  /// Whether anything that is shown leads there.
  bool pin_ways_to(const fs::path& path) {
    bool is_shown = false;
    for (const auto& shown : limits_.shown) {
      if (!lies_in(path, shown)) continue;
      is_shown = true;
      const auto way = between(shown, path);
      pins_.insert(way.begin(), way.end());
    }
    return is_shown;
  }

  static std::optional<std::pair<dev_t, ino_t>> identity(const fs::path& path) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
    return std::pair(status.st_dev, status.st_ino);
  }

  const HostMounts& mounts_;
  const HostLimits& limits_;
  std::set<fs::path> pins_;
  std::vector<HostOperation> operations_;
};

bool is_expected(int fd, const HostOperation& operation) noexcept {
  struct stat status{};
  if (operation.kind != Kind::hide) return true;
  return ::fstat(fd, &status) == 0 && status.st_dev == operation.device && status.st_ino == operation.inode;
}

/// A session that joins others finds what they have covered.
bool is_covered_already(const HostOperation& operation, int place) noexcept {
  struct statx status{};
  struct statfs mount{};
  if (operation.kind == Kind::hide || ::statx(place, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status) != 0) return false;
  if ((status.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) return false;
  return operation.kind == Kind::pin || (::fstatfs(place, &mount) == 0 && (mount.f_flags & ST_RDONLY) != 0);
}

Fd cover_for(const HostOperation& operation, int place, Covers& covers) noexcept {
  struct stat status{};
  if (::fstat(place, &status) != 0) return Fd();
  if (operation.kind == Kind::hide) return covers.make(S_ISDIR(status.st_mode));
  Fd target;
  if (S_ISLNK(status.st_mode)) {
    if (!operation.target.empty())
      target = sys::openat2(AT_FDCWD, operation.target.c_str(), O_PATH, 0, RESOLVE_NO_SYMLINKS);
    if (!target || ::fstat(target.get(), &status) != 0 || !S_ISREG(status.st_mode)) return covers.make_empty_file();
  }
  Fd mount = sys::open_tree_clone(target ? target.get() : place, "", Recursive::yes);
  const std::uint64_t attributes = operation.kind == Kind::read_only ? MOUNT_ATTR_RDONLY : 0;
  if (mount && attributes != 0 && sys::mount_setattr(mount.get(), attributes, Recursive::yes) != 0) mount.reset();
  return mount;
}

const char* action(Kind kind) noexcept;

/// What is exchanged meanwhile is looked up again.
void lay(const HostOperation& operation, Covered covered, Covers& covers, const init::Reporter& reporter) noexcept {
  const char* path = operation.path.c_str();
  constexpr int tries = 8;
  for (int left = tries; left > 0; --left) {
    Fd place = sys::openat2(AT_FDCWD, path, O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS);
    // Removed since it was looked at: nothing is left to protect. What is hidden must be there.
    if (!place && errno == ENOENT && operation.kind != Kind::hide) return;
    if (!place) reporter.fail(action(operation.kind), path);
    if (!is_expected(place.get(), operation)) reporter.fail(action(operation.kind), path, ESTALE);
    if (covered == Covered::perhaps && is_covered_already(operation, place.get())) return;
    Fd cover = cover_for(operation, place.get(), covers);
    if (cover && sys::move_mount(cover.get(), place.get()) == 0) return;
    if (errno != ENOENT || operation.kind == Kind::hide) break;
  }
  reporter.fail(action(operation.kind), path);
}

const char* action(Kind kind) noexcept {
  switch (kind) {
    case Kind::pin: return "hold";
    case Kind::read_only: return "make read-only";
    case Kind::hide: return "hide";
  }
  return "";
}

}  // namespace

std::vector<HostMount> parse_mounts(std::string_view mountinfo) {
  std::vector<HostMount> mounts;
  for (const auto line : lines(mountinfo))
    if (auto mount = parse_mount(line)) mounts.push_back(*std::move(mount));
  return mounts;
}

HostMounts HostMounts::read() { return HostMounts(parse_mounts(read_file("/proc/self/mountinfo"))); }

std::optional<HostPlace> HostMounts::place_of(const fs::path& path) const {
  const HostMount* best = nullptr;
  for (const auto& mount : mounts_) {
    // Of several at one point the last one is on top.
    if (!lies_in(path, mount.point)) continue;
    if (best == nullptr || mount.point.native().size() >= best->point.native().size()) best = &mount;
  }
  if (best == nullptr) return std::nullopt;
  return HostPlace{best->device, joined(best->root, below(path, best->point))};
}

std::vector<fs::path> HostMounts::paths_of(const HostPlace& place) const {
  std::vector<fs::path> paths;
  for (const auto& mount : mounts_) {
    if (mount.device != place.device) continue;
    if (lies_in(place.path, mount.root))
      paths.push_back(joined(mount.point, below(place.path, mount.root)));
    else if (lies_in(mount.root, place.path))
      paths.push_back(mount.point);
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

std::vector<fs::path> HostMounts::parts_of(const fs::path& directory) const {
  std::vector<fs::path> parts{directory};
  for (const auto& mount : mounts_)
    if (mount.point != directory && lies_in(mount.point, directory)) parts.push_back(mount.point);
  return parts;
}

bool HostMounts::lies_within(const fs::path& path, const fs::path& directory) const {
  if (lies_in(path, directory)) return true;
  const auto place = place_of(path);
  const auto parts = parts_of(directory);
  return place && std::any_of(parts.begin(), parts.end(), [&](const fs::path& part) {
           const auto other = place_of(part);
           return other && place->device == other->device && lies_in(place->path, other->path);
         });
}

std::vector<HostOperation> host_operations(const HostMounts& mounts, const HostLimits& limits) {
  return Planner(mounts, limits).plan();
}

std::vector<HostOperation> without_hidden(std::vector<HostOperation> operations) {
  std::erase_if(operations, [](const HostOperation& one) { return one.kind == Kind::hide; });
  return operations;
}

void change_host_view(const std::vector<HostOperation>& operations, Covered covered,
                      const init::Reporter& reporter) noexcept {
  Covers covers;
  for (const auto& operation : operations) lay(operation, covered, covers, reporter);
}

}  // namespace karapace::sandbox
