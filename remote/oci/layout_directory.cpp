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
    auto path = path_ / blob_path(digest);
    std::filesystem::create_directories(path.parent_path());
    auto unfinished = (path_ / ".unfinished-XXXXXX").native();
    const Fd fd(::mkostemp(unfinished.data(), O_CLOEXEC));
    if (!fd) fail(".unfinished");
    try {
      require_digest(digest, copy(source, fd.get(), digest.algorithm()), name());
      if (::fchmod(fd.get(), 0644) != 0 || ::rename(unfinished.c_str(), path.c_str()) != 0) fail(path);
    } catch (...) {
      ::unlink(unfinished.c_str());
      throw;
    }
  }

  bool remove_blob(const ContentDigest& digest) override {
    auto path = path_ / blob_path(digest);
    if (::unlink(path.c_str()) == 0) return true;
    if (errno != ENOENT) fail(path);
    return false;
  }

  /// Another user's file can not be touched: that one's time has to do.
  bool note_use(const ContentDigest& digest) override {
    return ::utimensat(AT_FDCWD, (path_ / blob_path(digest)).c_str(), nullptr, 0) == 0 || errno != ENOENT;
  }

  bool remove_idle_blob(const ContentDigest& digest, std::chrono::seconds idle) override {
    struct stat status{};
    if (::lstat((path_ / blob_path(digest)).c_str(), &status) != 0) return false;
    if (std::time(nullptr) - status.st_mtim.tv_sec < idle.count()) return false;
    return remove_blob(digest);
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

  void make() const {
    std::filesystem::create_directories(path_ / "blobs" / "sha256");
    if (std::filesystem::exists(path_ / layout_marker_name)) return;
    write_file_atomically(path_ / layout_marker_name, layout_marker, Durable::no);
  }

  std::optional<std::string> small_file(const std::string& file) {
    auto fd = open_regular(directory_.get(), file, Links::inside);
    if (!fd) return std::nullopt;
    return read_all(fd->get(), file, longest_layout_index);
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
