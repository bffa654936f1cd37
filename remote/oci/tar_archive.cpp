// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/tar_archive.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <utility>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "base/written_file.hpp"

namespace karapace::oci {

namespace {

constexpr std::size_t buffer_size = std::size_t{256} << 10;
constexpr std::size_t most_entries = 100'000;
constexpr int most_links = 4;

struct FreeReader {
  void operator()(archive* reader) const noexcept { archive_read_free(reader); }
};
struct FreeEntry {
  void operator()(archive_entry* entry) const noexcept { archive_entry_free(entry); }
};

std::string error_of(archive* opened) {
  const char* text = archive_error_string(opened);
  return text == nullptr ? "it can not be read" : printable_word(text);
}

/// libarchive, from a header's position on.
class Pass {
 public:
  Pass(int fd, std::uint64_t position, const std::filesystem::path& path)
      : fd_(fd), position_(position), path_(path), buffer_(buffer_size), reader_(archive_read_new()) {
    archive_read_support_format_tar(reader_.get());
    archive_read_support_filter_gzip(reader_.get());
    archive_read_support_filter_zstd(reader_.get());
    archive_read_support_filter_xz(reader_.get());
    archive_read_set_read_callback(reader_.get(), &Pass::on_read);
    archive_read_set_skip_callback(reader_.get(), &Pass::on_skip);
    archive_read_set_callback_data(reader_.get(), this);
    if (archive_read_open1(reader_.get()) != ARCHIVE_OK) refuse();
  }

  /// Nothing at the end.
  archive_entry* next() {
    archive_entry* entry = nullptr;
    auto result = archive_read_next_header(reader_.get(), &entry);
    if (result == ARCHIVE_EOF) return nullptr;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) refuse();
    return entry;
  }

  void read(std::uint64_t from, const TakeBytes& take) {
    for (std::uint64_t at = 0;;) {
      auto got = archive_read_data(reader_.get(), data_.data(), data_.size());
      if (got == 0) return;
      if (got < 0) refuse();
      std::string_view bytes(data_.data(), static_cast<std::size_t>(got));
      auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(from - std::min(from, at), bytes.size()));
      at += bytes.size();
      if (skipped < bytes.size()) take(bytes.substr(skipped));
    }
  }

  std::uint64_t header_position() const {
    return static_cast<std::uint64_t>(archive_read_header_position(reader_.get()));
  }
  bool is_compressed() const { return archive_filter_code(reader_.get(), 0) != ARCHIVE_FILTER_NONE; }

 private:
  [[noreturn]] void refuse() const {
    throw RemoteError(
        fmt::format("\"{}\" is no tar archive, or a damaged one: {}", path_.string(), error_of(reader_.get())));
  }

  static la_ssize_t on_read(archive* reader, void* user, const void** bytes) noexcept {
    auto& self = *static_cast<Pass*>(user);
    ssize_t got = -1;
    do {
      got = ::pread(self.fd_, self.buffer_.data(), self.buffer_.size(), static_cast<off_t>(self.position_));
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
      archive_set_error(reader, errno, "%s", strerrordesc_np(errno));
      return -1;
    }
    self.position_ += static_cast<std::uint64_t>(got);
    *bytes = self.buffer_.data();
    return got;
  }

  static la_int64_t on_skip(archive* /*reader*/, void* user, la_int64_t count) noexcept {
    static_cast<Pass*>(user)->position_ += static_cast<std::uint64_t>(count);
    return count;
  }

  int fd_;
  std::uint64_t position_;
  const std::filesystem::path& path_;
  std::vector<char> buffer_;
  std::vector<char> data_ = std::vector<char>(buffer_size);
  std::unique_ptr<archive, FreeReader> reader_;
};

std::string key_of(const char* name) {
  std::string_view key = name == nullptr ? "" : name;
  while (key.starts_with("./")) key.remove_prefix(2);
  return std::string(key);
}

}  // namespace

TarReader::TarReader(const std::filesystem::path& path) : path_(path) {
  auto fd = open_regular(AT_FDCWD, path, Links::followed);
  if (!fd) throw RemoteError(fmt::format("cannot open \"{}\": there is no such file", path.string()));
  fd_ = std::move(*fd);
  read_headers();
}

void TarReader::read_headers() {
  Pass pass(fd_.get(), 0, path_);
  while (auto* entry = pass.next()) {
    is_compressed_ = pass.is_compressed();
    if (entries_.size() == most_entries) {
      throw RemoteError(fmt::format("\"{}\" has more than {} files, which no image has", path_.string(), most_entries));
    }
    auto name = key_of(archive_entry_pathname(entry));
    Entry found{
        .position = pass.header_position(), .size = static_cast<std::uint64_t>(archive_entry_size(entry)), .link = {}};
    if (const char* target = archive_entry_symlink(entry)) {
      found.link = (std::filesystem::path(name).parent_path() / target).lexically_normal().native();
    } else if (const char* other = archive_entry_hardlink(entry)) {
      found.link = key_of(other);
    } else if (archive_entry_filetype(entry) != AE_IFREG) {
      continue;
    }
    entries_.insert_or_assign(std::move(name), std::move(found));
  }
}

std::optional<std::string> TarReader::resolve(const std::string& name) const {
  auto found = entries_.find(name);
  for (int links = 0; found != entries_.end() && links < most_links; ++links) {
    if (found->second.link.empty()) return found->first;
    found = entries_.find(found->second.link);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> TarReader::size(const std::string& name) const {
  auto resolved = resolve(name);
  if (!resolved) return std::nullopt;
  return entries_.at(*resolved).size;
}

void TarReader::read(const std::string& name, std::uint64_t from, const TakeBytes& take) const {
  auto resolved = resolve(name);
  if (!resolved) throw RemoteError(fmt::format("\"{}\" has no file \"{}\"", path_.string(), printable_word(name)));
  const auto& wanted = entries_.at(*resolved);
  Pass pass(fd_.get(), is_compressed_ ? 0 : wanted.position, path_);
  while (auto* entry = pass.next()) {
    const bool is_it = !is_compressed_ || pass.header_position() == wanted.position;
    if (!is_it || key_of(archive_entry_pathname(entry)) != *resolved) continue;
    return pass.read(from, take);
  }
  throw RemoteError(fmt::format("\"{}\" was changed while it was read", path_.string()));
}

TarWriter::TarWriter(std::filesystem::path path)
    : path_(written_file(std::move(path))),
      writer_([this](std::string_view bytes) { write_all(fd_.get(), bytes, path_.string()); },
              store::PaxWriter::Dialect::image) {
  std::error_code error;
  const auto status = std::filesystem::status(path_, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    throw StoreError(fmt::format("cannot write \"{}\": it is no regular file; name a new one", path_.string()));
  const auto directory = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
  fd_ = Fd(::open(directory.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  if (!fd_) make_named();
}

TarWriter::~TarWriter() {
  if (is_named_) ::unlink(unfinished_.c_str());
}

void TarWriter::fail() const {
  throw StoreError(errno_message(fmt::format("cannot write \"{}\"", path_.string()), errno));
}

void TarWriter::make_named() {
  auto name = path_.native() + ".XXXXXX";
  fd_ = Fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd_) fail();
  unfinished_ = name;
  is_named_ = true;
}

/// link(2) replaces nothing: a name beside comes first.
void TarWriter::give_name() {
  const auto opened = fmt::format("/proc/self/fd/{}", fd_.get());
  for (unsigned number = 0;; ++number) {
    unfinished_ = fmt::format("{}.{:06x}", path_.native(), number);
    is_named_ = ::linkat(AT_FDCWD, opened.c_str(), AT_FDCWD, unfinished_.c_str(), AT_SYMLINK_FOLLOW) == 0;
    if (is_named_) return;
    if (errno != EEXIST) fail();
  }
}

void TarWriter::add(const std::string& name, const BlobSource& source, const TakeBytes& seen) {
  store::Entry entry;
  entry.type = store::EntryType::regular;
  entry.path = name;
  entry.mode = 0644;
  entry.size = source.size();
  writer_.add(entry);
  std::vector<char> buffer(buffer_size);
  for (std::uint64_t at = 0; at < source.size();) {
    auto got = source.read(at, buffer);
    seen({buffer.data(), got});
    writer_.append({buffer.data(), got});
    at += got;
  }
  writer_.end_content(source.size());
}

void TarWriter::finish() {
  writer_.finish();
  if (::fchmod(fd_.get(), 0644) != 0) fail();
  if (!is_named_) give_name();
  if (::rename(unfinished_.c_str(), path_.c_str()) != 0) fail();
  is_named_ = false;
  fd_.reset();
}

}  // namespace karapace::oci
