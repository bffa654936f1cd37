// SPDX-License-Identifier: Apache-2.0
// Objects are checked without any lock. One that seems damaged is checked a second time, records and the like under the
// contents lock, and is believed only when it fails again and still has its name: gc may have been taking it away.
#include "store/verify.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <new>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>

#include "base/call_error.hpp"
#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/file_lock.hpp"
#include "base/parallel.hpp"
#include "store/environment.hpp"
#include "store/listing_comparison.hpp"
#include "store/repair.hpp"
#include "store/store_identity.hpp"
#include "store/toolchain.hpp"

namespace karapace::store {

namespace {

struct Kind {
  ObjectKind kind;
  const char* directory;
};
constexpr std::array<Kind, 8> kinds = {{{ObjectKind::blob, "blobs"},
                                        {ObjectKind::layer, "layers"},
                                        {ObjectKind::record, "steps"},
                                        {ObjectKind::environment, "environments"},
                                        {ObjectKind::root, "roots"},
                                        {ObjectKind::instance, "instances"},
                                        {ObjectKind::sysroot, "sysroots"},
                                        {ObjectKind::toolchain, "toolchains"}}};
constexpr std::string_view listing_suffix = ".listing";
/// What stat(2) shows for ids that the user namespace does not map (proc(5), overflowuid).
constexpr std::uint32_t unmapped_id = 65534;

struct Object {
  Kind kind;
  std::string name;
};

/// What is wrong with an object.
struct Fault {
  Trouble trouble{};
  std::string reason;
  std::vector<DamagedPath> paths = {};
};
using Finding = std::optional<Fault>;

Fault damage(std::string reason) { return {Trouble::damaged, std::move(reason)}; }

/// That a file can not be read is no damage.
Fault refusal(const CallError& error) {
  return {error.is_of_what_is_there() ? Trouble::damaged : Trouble::unchecked, error.what()};
}

bool is_since(const std::filesystem::path& path, const timespec& since) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return false;
  return std::tie(status.st_mtim.tv_sec, status.st_mtim.tv_nsec) >= std::tie(since.tv_sec, since.tv_nsec);
}

bool has_name(const std::filesystem::path& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

class Verification {
 public:
  Verification(const Store& store, const VerifyOptions& options) : store_(store), options_(options) {}

  VerifyReport run() {
    auto objects = all_objects();
    scan_threads_ = options_.threads;
    report_.scan_options = {options_.owners, "snapshot", options_.threads};
    auto layers =
        std::count_if(objects.begin(), objects.end(), [](auto& o) { return o.kind.kind == ObjectKind::layer; });
    if (layers >= 2 * static_cast<std::ptrdiff_t>(options_.threads)) scan_threads_ = 1;
    check_version();
    for_each_index(objects.size(), options_.threads, [&](std::size_t i) { check(objects[i]); });
    report_.checked = objects.size();
    report_.bytes = bytes_ - digests_.bytes_not_read();
    auto& problems = report_.problems;
    std::sort(problems.begin(), problems.end(),
              [](const Problem& a, const Problem& b) { return std::tie(a.kind, a.name) < std::tie(b.kind, b.name); });
    return std::move(report_);
  }

 private:
  std::vector<Object> all_objects() const {
    std::vector<Object> objects;
    for (const auto& kind : kinds) {
      for (auto& name : names_in(store_.root() / kind.directory)) {
        if (kind.kind == ObjectKind::sysroot && is_listing(name)) continue;
        Object object{kind, std::move(name)};
        if (is_asked_for(object)) objects.push_back(std::move(object));
      }
    }
    return objects;
  }

  /// Of a sysroot, which is checked with it.
  static bool is_listing(std::string_view name) {
    return name.ends_with(listing_suffix) && Digest::from_hex(name.substr(0, name.size() - listing_suffix.size()));
  }

  bool is_asked_for(const Object& object) const {
    if (options_.only && !options_.only->contains({object.kind.kind, object.name})) return false;
    if (!options_.changed_since || is_since(path_of(object), *options_.changed_since)) return true;
    return object.kind.kind == ObjectKind::layer && is_since(path_of(object) / "listing", *options_.changed_since);
  }

  std::filesystem::path path_of(const Object& object) const {
    return store_.root() / object.kind.directory / object.name;
  }

  /// The record of the store's own identity; without one the next who works on trees notes the id mode anew.
  void check_version() {
    if (options_.only) return;
    const auto path = store_.root() / "version";
    const auto text = read_file_if_exists(path).value_or("");
    const bool has_record = text.find('\n') + 1 < text.size();
    if (!has_record || text == version_text(read_identity(store_.root()))) return;
    report_.problems.push_back({ObjectKind::version,
                                Trouble::damaged,
                                "the file \"version\"",
                                "version",
                                "what it says of the store's owner and id mode is damaged",
                                {},
                                false,
                                {}});
  }

  void check(const Object& object) {
    auto finding = examine(object);
    if (!finding) return;
    // Not while trees are read, which takes long: gc waits for the lock.
    const auto kind = object.kind.kind;
    const bool is_one_file = kind == ObjectKind::record || kind == ObjectKind::environment || kind == ObjectKind::root;
    std::optional<FileLock> lock;
    if (is_one_file) lock = lock_if_writable();
    finding = examine(object);
    if (!finding || !has_name(path_of(object))) return;
    Problem problem{kind,
                    finding->trouble,
                    fmt::format("{} {}", text(object.kind.kind), escaped_utf8(object.name)),
                    object.name,
                    std::move(finding->reason),
                    std::move(finding->paths),
                    false,
                    {}};
    if (!belongs(object)) {
      problem.kind = ObjectKind::stray;
      problem.name = fmt::format("{}/{}", object.kind.directory, object.name);
      problem.object = escaped_utf8(problem.name);
    }
    std::lock_guard guard(mutex_);
    report_.problems.push_back(std::move(problem));
  }

  /// Nothing changes in a store that can not be written.
  std::optional<FileLock> lock_if_writable() const {
    return FileLock::acquire_existing(store_.root() / "locks" / "contents", LOCK_SH);
  }

  static bool belongs(const Object& object) {
    return object.kind.kind == ObjectKind::instance || Digest::from_hex(object.name).has_value();
  }

  Finding examine(const Object& object) {
    if (!belongs(object)) return damage("it does not belong into a store");
    try {
      return examine_known(object);
    } catch (const CallError& error) {
      return refusal(error);
    } catch (const StoreError& error) {
      return damage(error.what());
    } catch (const std::bad_alloc&) {
      return Fault{Trouble::unchecked, "there is not enough memory to read it"};
    } catch (const std::system_error& error) {
      return Fault{Trouble::unchecked, error.what()};
    }
  }

  Finding examine_known(const Object& object) {
    switch (object.kind.kind) {
      case ObjectKind::blob: return examine_blob(object.name);
      case ObjectKind::layer: return examine_layer(*LayerId::from_hex(object.name));
      case ObjectKind::record: return examine_record(*StepKey::from_hex(object.name));
      case ObjectKind::environment: return examine_environment(*EnvironmentId::from_hex(object.name));
      case ObjectKind::root: check_root(store_, object.name); return std::nullopt;
      case ObjectKind::instance: return examine_instance(object.name);
      case ObjectKind::sysroot: return examine_sysroot(*EnvironmentId::from_hex(object.name));
      case ObjectKind::toolchain: return examine_toolchain(object.name);
      case ObjectKind::version:
      case ObjectKind::stray: break;
    }
    return std::nullopt;
  }

  Finding examine_blob(const std::string& name) {
    auto fd = open_if_exists(AT_FDCWD, store_.root() / "blobs" / name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) return std::nullopt;
    struct stat status{};
    if (::fstat(fd->get(), &status) != 0) throw CallError("cannot look at it", errno);
    if (!S_ISREG(status.st_mode)) return damage("it is not a file");
    bytes_ += static_cast<std::uint64_t>(status.st_size);
    auto found = blake3_of_file(fd->get(), "blob " + name).hex();
    if (found == name) return std::nullopt;
    return damage(fmt::format("its content has the digest {}", found));
  }

  Finding examine_layer(const LayerId& id) {
    if (!store_.has_layer(id)) return std::nullopt;
    auto expected = store_.listing(id);
    return examine_tree(store_.layer_tree(id), expected, "layer " + id.hex());
  }

  Finding examine_tree(const std::filesystem::path& path, const Listing& expected, const std::string& label) {
    auto tree = open_if_exists(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!tree) return Fault{Trouble::missing, "its tree is missing"};
    std::mutex mutex;
    std::vector<DamagedPath> sockets;
    ScanOptions options{options_.owners, label, scan_threads_};
    if (expected.format() > 1) options.times = Times::nanoseconds;
    options.left_out = [&](std::string_view one) {
      std::lock_guard guard(mutex);
      sockets.push_back({escaped_utf8(one), "a socket, not in the listing"});
    };
    auto found = scan(tree->get(), options, &digests_);
    bytes_ += found.content_size();
    auto foreign = foreign_owners(tree->get(), expected, found);
    auto paths = differences(expected, found);
    std::erase_if(paths, [&](const DamagedPath& one) { return foreign.contains(one.path); });
    paths.insert(paths.end(), sockets.begin(), sockets.end());
    std::sort(paths.begin(), paths.end());
    if (!paths.empty())
      return Fault{Trouble::damaged,
                   fmt::format("{} of its {} paths differ from its listing", paths.size(), expected.entries().size()),
                   std::move(paths)};
    if (foreign.empty()) return std::nullopt;
    return Fault{
        Trouble::unchecked,
        fmt::format("the owners of {} of its paths are ids that this process does not have: check the store in "
                    "the id mode in which it was filled (see `karapace doctor`)",
                    foreign.size())};
  }

  /// Paths (as DamagedPath has them) that differ by their owner alone, while the owner on disk can not be told.
  static std::set<std::string> foreign_owners(int tree, const Listing& expected, const Listing& found) {
    const std::vector<std::string_view> only_owner = {"owner"};
    std::set<std::string> paths;
    for (const auto& difference : compare(expected, found)) {
      if (!difference.first || !difference.second || difference.aspects != only_owner) continue;
      struct stat status{};
      const auto& path = difference.path();
      if (::fstatat(tree, path.empty() ? "." : path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      const bool is_unmapped = status.st_uid == unmapped_id || status.st_gid == unmapped_id;
      if (is_unmapped) paths.insert(path.empty() ? "/" : escaped_utf8(path));
    }
    return paths;
  }

  Finding examine_sysroot(const EnvironmentId& id) {
    auto text = read_file_if_exists(store_.sysroot_listing_path(id));
    if (!text) return std::nullopt;  // its maker was killed, or is of an older version: it is not used, but made anew
    const auto end = std::min(text->find('\n'), text->size() - 1);
    const auto listing = std::string_view(*text).substr(end + 1);
    if (blake3(listing).hex() != std::string_view(*text).substr(0, end))
      return damage("its listing has another digest than it says");
    return examine_tree(store_.sysroot_path(id), Listing::parse(listing, "its listing"), "sysroot " + id.hex());
  }

  Finding examine_toolchain(const std::string& name) const {
    if (is_whole_toolchain(store_, name) || !has_name(store_.root() / "toolchains" / name)) return std::nullopt;
    return damage("its files have another digest");
  }

  Finding examine_instance(const std::string& name) const {
    const auto directory = store_.instances_path() / name;
    auto paths = damaged_parts(directory, report_.scan_options);
    if (!paths.empty() && has_name(directory))
      return Fault{Trouble::damaged, fmt::format("{} of its parts are damaged", paths.size()), std::move(paths)};
    check_instance(store_, name);
    const auto lost = lost_environments(store_, name);
    if (lost.empty()) return std::nullopt;
    return Fault{Trouble::missing,
                 fmt::format("the environment {} that it needs is missing: `karapace build {}` makes it again",
                             lost.front().short_hex(), lost.front().hex())};
  }

  Finding examine_record(const StepKey& key) const {
    auto record = store_.record(key);
    if (!record) return std::nullopt;
    auto missing = lost_output(store_, *record);
    if (missing.empty()) return std::nullopt;
    return Fault{Trouble::missing, fmt::format("its output, the {}, is missing", missing)};
  }

  Finding examine_environment(const EnvironmentId& id) const {
    auto environment = find_environment(store_, id);
    if (!environment) return std::nullopt;
    if (!store_.has_blob(environment->lock)) {
      return Fault{Trouble::missing, fmt::format("its lock, the blob {}, is missing", environment->lock.hex())};
    }
    for (const auto& layer : environment->layers) {
      if (!store_.has_layer(layer)) return Fault{Trouble::missing, fmt::format("its layer {} is missing", layer.hex())};
    }
    return std::nullopt;
  }

  const Store& store_;
  const VerifyOptions& options_;
  unsigned scan_threads_ = 1;
  std::atomic<std::uint64_t> bytes_{0};
  FileDigests digests_;  // layers share files: each is read once
  std::mutex mutex_;
  VerifyReport report_;
};

}  // namespace

std::string_view text(ObjectKind kind) noexcept {
  switch (kind) {
    case ObjectKind::blob: return "blob";
    case ObjectKind::layer: return "layer";
    case ObjectKind::record: return "step";
    case ObjectKind::environment: return "environment";
    case ObjectKind::root: return "root";
    case ObjectKind::instance: return "instance";
    case ObjectKind::sysroot: return "sysroot";
    case ObjectKind::toolchain: return "toolchain";
    case ObjectKind::version: return "version";
    case ObjectKind::stray: return "stray";
  }
  return "stray";
}

std::string_view text(Trouble trouble) noexcept {
  switch (trouble) {
    case Trouble::damaged: return "damaged";
    case Trouble::missing: return "missing";
    case Trouble::unchecked: return "unchecked";
  }
  return "unchecked";
}

ObjectClass class_of(ObjectKind kind) noexcept {
  const bool is_persons = kind == ObjectKind::instance || kind == ObjectKind::stray;
  return is_persons ? ObjectClass::irreplaceable : ObjectClass::rebuildable;
}

std::string_view text(ObjectClass object_class) noexcept {
  return object_class == ObjectClass::rebuildable ? "rebuildable" : "irreplaceable";
}

std::size_t count(const VerifyReport& report, Trouble trouble) {
  return static_cast<std::size_t>(
      std::count_if(report.problems.begin(), report.problems.end(),
                    [&](const Problem& problem) { return problem.trouble == trouble && !problem.repaired; }));
}

namespace {

/// What can not be read now is told as such already.
std::vector<LostEnvironment> lost_environments(const Store& store) {
  std::vector<LostEnvironment> all;
  for (const auto& name : names_in(store.instances_path())) {
    try {
      for (const auto& id : lost_environments(store, name)) all.push_back({id, name});
    } catch (const StoreError&) {
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

VerifyReport verify_store(const Store& store, const VerifyOptions& options) {
  auto report = Verification(store, options).run();
  if (options.repair == Repair::yes && !report.problems.empty()) repair_store(store, report);
  report.lost = lost_environments(store);
  return report;
}

}  // namespace karapace::store
