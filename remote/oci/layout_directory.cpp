// SPDX-License-Identifier: Apache-2.0
// A layout in a directory. No link in it leads out of it. Files appear by rename(2) and are not forced to the disk:
// what a power failure makes of them is found by their digest.
#include <cerrno>
#include <ctime>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/file_lock.hpp"
#include "base/regular_file.hpp"
#include "remote/oci/layout_files.hpp"

namespace karapace::oci {

namespace {

constexpr std::size_t buffer_size = std::size_t{256} << 10;
constexpr const char* index_name = "index.json";
constexpr std::string_view unfinished_prefix = ".unfinished-";

class LayoutDirectory final : public LayoutFiles {
 public:
  LayoutDirectory(std::filesystem::path path, Access access) : path_(std::move(path)) {
    if (access == Access::write) make();
    auto status = std::filesystem::status(path_);
    if (!std::filesystem::is_directory(status))
      throw RemoteError(fmt::format("{}: there is no such directory", name()));
    directory_ = open_at(AT_FDCWD, path_, O_PATH | O_DIRECTORY);
    require_marker(small_file(std::string(layout_marker_name)), name());
  }

  std::string name() const override { return "oci-layout:" + path_.string(); }
  std::optional<std::string> index() override { return small_file(index_name); }

  std::optional<std::uint64_t> blob_size(const ContentDigest& digest) override {
    auto fd = open_regular(directory_.get(), blob_path(digest), Links::inside);
    if (!fd) return std::nullopt;
    struct stat status{};
    if (::fstat(fd->get(), &status) != 0) fail(blob_path(digest));
    return static_cast<std::uint64_t>(status.st_size);
  }

  std::optional<BlobSource> local_blob(const ContentDigest& digest) override {
    auto fd = open_regular(directory_.get(), blob_path(digest), Links::inside);
    if (!fd) return std::nullopt;
    return BlobSource::of_file(std::move(*fd), (path_ / blob_path(digest)).string());
  }

  void read_blob(const Descriptor& blob, const TakeBytes& take, std::uint64_t from) override {
    auto fd = open_regular(directory_.get(), blob_path(blob.digest), Links::inside);
    if (!fd) throw RemoteError(fmt::format("{} has no blob {}", name(), blob.digest.text()));
    read_verified(blob, from, take, name(), [&](const TakeBytes& pass) { read_file(fd->get(), from, pass); });
  }

  void add_blob(const ContentDigest& digest, const BlobSource& source, Content /*content*/) override {
    std::filesystem::create_directories(path_ / "blobs" / std::string(text(digest.algorithm())));
    const auto blobs = open_blobs(digest.algorithm());
    auto unfinished = (path_ / fmt::format("{}XXXXXX", unfinished_prefix)).native();
    const Fd fd(::mkostemp(unfinished.data(), O_CLOEXEC));
    if (!fd) fail(".unfinished");
    try {
      require_digest(digest, copy(source, fd.get(), digest.algorithm()), name());
      const bool is_published = blobs && ::fchmod(fd.get(), 0644) == 0 &&
                                ::renameat(AT_FDCWD, unfinished.c_str(), blobs->get(), digest.hex().c_str()) == 0;
      if (!is_published) fail(blob_path(digest));
    } catch (...) {
      ::unlink(unfinished.c_str());
      throw;
    }
  }

  bool remove_blob(const ContentDigest& digest) override {
    const auto blobs = open_blobs(digest.algorithm());
    if (!blobs) return false;
    if (::unlinkat(blobs->get(), digest.hex().c_str(), 0) == 0) return true;
    if (errno != ENOENT) fail(blob_path(digest));
    return false;
  }

  /// Another user's file can not be touched: that one's time has to do.
  bool note_use(const ContentDigest& digest) override {
    const auto blobs = open_blobs(digest.algorithm());
    if (!blobs) return false;
    return ::utimensat(blobs->get(), digest.hex().c_str(), nullptr, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
  }

  std::uint64_t sweep(const FindKept& find_kept, std::chrono::seconds idle) override {
    const auto lock = FileLock::acquire(path_ / layout_marker_name, LOCK_EX);
    const auto kept = find_kept();
    std::uint64_t freed = 0;
    for (const auto algorithm : {Algorithm::sha256, Algorithm::sha512}) {
      const auto blobs = open_blobs(algorithm);
      if (!blobs) continue;
      for (const auto& file : names_in(blobs->get(), path_ / "blobs")) {
        const auto digest = ContentDigest::parse(fmt::format("{}:{}", text(algorithm), file));
        if (digest && !kept.contains(*digest)) freed += remove_idle(blobs->get(), file, idle);
      }
    }
    const auto here = open_at(directory_.get(), ".", O_RDONLY | O_DIRECTORY);
    for (const auto& file : names_in(here.get(), path_))
      if (file.starts_with(unfinished_prefix)) freed += remove_idle(here.get(), file, idle);
    return freed;
  }

  /// The file that marks the layout is the lock: it never changes, and nothing of ours is left behind.
  void change_index(const ChangeIndex& change) override {
    auto lock = FileLock::acquire(path_ / layout_marker_name, LOCK_EX);
    write_file_atomically(path_ / index_name, change(index()), Durable::no);
  }

 private:
  [[noreturn]] void fail(const std::filesystem::path& path) const {
    throw StoreError(errno_message(fmt::format("{}: \"{}\"", name(), path.string()), errno));
  }

  /// What is changed or removed is not looked for behind links: they may lead to somebody's files that are named alike.
  std::optional<Fd> open_blobs(Algorithm algorithm) const {
    constexpr int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
    const auto blobs = open_if_exists(directory_.get(), "blobs", flags);
    if (!blobs) return std::nullopt;
    return open_if_exists(blobs->get(), std::string(text(algorithm)), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  }

  /// The bytes that it had; 0 when it stays.
  static std::uint64_t remove_idle(int directory, const std::string& file, std::chrono::seconds idle) {
    struct stat status{};
    if (::fstatat(directory, file.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) return 0;
    const bool is_idle = std::time(nullptr) - status.st_mtim.tv_sec >= idle.count();
    if (!is_idle || ::unlinkat(directory, file.c_str(), 0) != 0) return 0;
    return static_cast<std::uint64_t>(status.st_size);
  }

  void make() const {
    std::filesystem::create_directories(path_ / "blobs" / "sha256");
    if (std::filesystem::exists(path_ / layout_marker_name)) return;
    write_file_atomically(path_ / layout_marker_name, layout_marker, Durable::no);
  }

  std::optional<std::string> small_file(const std::string& file) {
    try {
      auto fd = open_regular(directory_.get(), file, Links::inside);
      if (!fd) return std::nullopt;
      return read_all(fd->get(), file, longest_layout_index);
    } catch (const StoreError& error) {
      throw RemoteError(fmt::format("{}: {}", name(), error.what()));
    }
  }

  void read_file(int fd, std::uint64_t from, const TakeBytes& pass) const {
    std::vector<char> buffer(buffer_size);
    while (true) {
      auto got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(from));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("blobs");
      if (got == 0) return;
      pass({buffer.data(), static_cast<std::size_t>(got)});
      from += static_cast<std::uint64_t>(got);
    }
  }

  ContentDigest copy(const BlobSource& source, int fd, Algorithm algorithm) const {
    ContentHasher hasher(algorithm);
    std::vector<char> buffer(buffer_size);
    for (std::uint64_t at = 0; at < source.size();) {
      auto got = source.read(at, buffer);
      hasher.update({buffer.data(), got});
      write_all(fd, {buffer.data(), got}, name());
      at += got;
    }
    return hasher.finish();
  }

  std::filesystem::path path_;
  Fd directory_;
};

}  // namespace

std::unique_ptr<LayoutFiles> layout_directory(const std::filesystem::path& path, Access access) {
  return std::make_unique<LayoutDirectory>(path, access);
}

}  // namespace karapace::oci
