// SPDX-License-Identifier: Apache-2.0
// Objects are checked without any lock. One that seems damaged is checked a second time, records and the like under the
// contents lock, and is believed only when it fails again and still has its name: gc may have been taking it away.
#include "store/verify.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <optional>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/file_lock.hpp"
#include "base/parallel.hpp"
#include "store/environment.hpp"
#include "store/repair.hpp"

namespace karapace::store {

namespace {

struct Kind {
  ObjectKind kind;
  const char* directory;
};
constexpr std::array<Kind, 6> kinds = {{{ObjectKind::blob, "blobs"},
                                        {ObjectKind::layer, "layers"},
                                        {ObjectKind::record, "steps"},
                                        {ObjectKind::environment, "environments"},
                                        {ObjectKind::root, "roots"},
                                        {ObjectKind::instance, "instances"}}};

struct Object {
  Kind kind;
  std::string name;
};

/// Why an object is damaged.
struct Damage {
  std::string reason;
  std::vector<DamagedPath> paths;
};
using Finding = std::optional<Damage>;

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
    auto layers =
        std::count_if(objects.begin(), objects.end(), [](auto& o) { return o.kind.kind == ObjectKind::layer; });
    if (layers >= 2 * static_cast<std::ptrdiff_t>(options_.threads)) scan_threads_ = 1;
    for_each_index(objects.size(), options_.threads, [&](std::size_t i) { check(objects[i]); });
    report_.checked = objects.size();
    report_.bytes = bytes_;
    auto& problems = report_.problems;
    std::sort(problems.begin(), problems.end(),
              [](const Problem& a, const Problem& b) { return std::tie(a.kind, a.name) < std::tie(b.kind, b.name); });
    return std::move(report_);
  }

 private:
  std::vector<Object> all_objects() const {
    std::vector<Object> objects;
    for (const auto& kind : kinds) {
      for (auto& name : names_in(store_.root() / kind.directory)) objects.push_back({kind, std::move(name)});
    }
    return objects;
  }

  std::filesystem::path path_of(const Object& object) const {
    return store_.root() / object.kind.directory / object.name;
  }

  void check(const Object& object) {
    auto finding = examine(object);
    if (!finding) return;
    bool small = object.kind.kind != ObjectKind::blob && object.kind.kind != ObjectKind::layer;
    std::optional<FileLock> lock;
    if (small) lock = lock_if_writable();
    finding = examine(object);
    if (!finding || !has_name(path_of(object))) return;
    Problem problem{object.kind.kind, fmt::format("{} {}", text(object.kind.kind), escaped_utf8(object.name)),
                    object.name, std::move(finding->reason), std::move(finding->paths)};
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
    if (!belongs(object)) return Damage{"it does not belong into a store", {}};
    try {
      switch (object.kind.kind) {
        case ObjectKind::blob: return examine_blob(object.name);
        case ObjectKind::layer: return examine_layer(*LayerId::from_hex(object.name));
        case ObjectKind::record: return examine_record(*StepKey::from_hex(object.name));
        case ObjectKind::environment: return examine_environment(*EnvironmentId::from_hex(object.name));
        case ObjectKind::root: check_root(store_, object.name); return std::nullopt;
        case ObjectKind::instance: check_instance(store_, object.name); return std::nullopt;
        case ObjectKind::stray: break;
      }
      return std::nullopt;
    } catch (const StoreError& error) {
      return Damage{error.what(), {}};
    }
  }

  Finding examine_blob(const std::string& name) {
    auto fd = open_if_exists(AT_FDCWD, store_.root() / "blobs" / name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) return std::nullopt;
    struct stat status{};
    if (::fstat(fd->get(), &status) != 0 || !S_ISREG(status.st_mode)) return Damage{"it is not a file", {}};
    bytes_ += static_cast<std::uint64_t>(status.st_size);
    auto found = blake3_of_file(fd->get(), "blob " + name).hex();
    if (found == name) return std::nullopt;
    return Damage{fmt::format("its content has the digest {}", found), {}};
  }

  Finding examine_layer(const LayerId& id) {
    if (!store_.has_layer(id)) return std::nullopt;
    auto expected = store_.listing(id);
    auto tree = open_if_exists(AT_FDCWD, store_.layer_tree(id), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!tree) return Damage{"its tree is missing", {}};
    std::mutex mutex;
    std::vector<DamagedPath> sockets;
    ScanOptions options{options_.owners, "layer " + id.hex(), scan_threads_};
    if (expected.format() > 1) options.times = Times::nanoseconds;
    options.left_out = [&](std::string_view path) {
      std::lock_guard guard(mutex);
      sockets.push_back({escaped_utf8(path), "a socket, not in the listing"});
    };
    auto found = scan(tree->get(), options);
    bytes_ += found.content_size();
    auto paths = differences(expected, found);
    paths.insert(paths.end(), sockets.begin(), sockets.end());
    std::sort(paths.begin(), paths.end());
    if (paths.empty()) return std::nullopt;
    return Damage{fmt::format("{} of its {} paths differ from its listing", paths.size(), expected.entries().size()),
                  std::move(paths)};
  }

  Finding examine_record(const StepKey& key) const {
    auto record = store_.record(key);
    if (!record) return std::nullopt;
    auto missing = missing_output(store_, *record);
    if (missing.empty()) return std::nullopt;
    return Damage{fmt::format("its output, the {}, is missing", missing), {}};
  }

  Finding examine_environment(const EnvironmentId& id) const {
    auto environment = find_environment(store_, id);
    if (!environment) return std::nullopt;
    if (!store_.has_blob(environment->lock)) {
      return Damage{fmt::format("its lock, the blob {}, is missing", environment->lock.hex()), {}};
    }
    for (const auto& layer : environment->layers) {
      if (!store_.has_layer(layer)) return Damage{fmt::format("its layer {} is missing", layer.hex()), {}};
    }
    return std::nullopt;
  }

  const Store& store_;
  const VerifyOptions& options_;
  unsigned scan_threads_ = 1;
  std::atomic<std::uint64_t> bytes_{0};
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
    case ObjectKind::stray: return "stray";
  }
  return "stray";
}

VerifyReport verify_store(const Store& store, const VerifyOptions& options) {
  auto report = Verification(store, options).run();
  if (options.repair == Repair::yes && !report.problems.empty()) repair_store(store, report);
  return report;
}

}  // namespace karapace::store
