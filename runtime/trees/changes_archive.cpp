// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/changes_archive.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zstd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "runtime/trees/file_metadata.hpp"
#include "store/listing.hpp"

namespace karapace::trees {

namespace {

constexpr std::size_t block = 512;
constexpr std::size_t longest_name = 100;
constexpr std::size_t longest_records = std::size_t{1} << 20;  // ArchiveReader takes no more

// Where the fields of a ustar header stand, and how long they are.
struct Field {
  std::size_t at;
  std::size_t size;
};
constexpr Field name_field{0, longest_name}, mode_field{100, 8}, uid_field{108, 8}, gid_field{116, 8},
    size_field{124, 12}, mtime_field{136, 12}, checksum_field{148, 8}, link_field{157, longest_name},
    magic_field{257, 8}, major_field{329, 8}, minor_field{337, 8};
constexpr std::size_t type_at = 156;

bool fits(const Field& field, std::uint64_t value) { return value >> 3 * (field.size - 1) == 0; }

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x1f && c < 0x7f; });
}

class Header {
 public:
  explicit Header(char type) : bytes_(block, '\0') {
    bytes_[type_at] = type;
    put(magic_field, std::string_view("ustar\00000", 8));
  }
  void put(const Field& field, std::string_view text) {
    std::memcpy(bytes_.data() + field.at, text.data(), std::min(text.size(), field.size));
  }
  /// Octal digits; 0 stands for what an extended header says.
  void put(const Field& field, std::uint64_t value) {
    put(field, fmt::format("{:0{}o}", fits(field, value) ? value : 0, field.size - 1));
  }
  std::string finish() && {
    put(checksum_field, "        ");
    std::uint64_t sum = 0;
    for (char c : bytes_) sum += static_cast<unsigned char>(c);
    put(checksum_field, std::string_view(fmt::format("{:06o}", sum) + std::string("\0 ", 2)));
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

std::string filled(std::string bytes) {
  bytes.append((block - bytes.size() % block) % block, '\0');
  return bytes;
}

char type_of(store::EntryType type) noexcept {
  switch (type) {
    case store::EntryType::directory: return '5';
    case store::EntryType::symlink: return '2';
    case store::EntryType::hardlink: return '1';
    case store::EntryType::fifo: return '6';
    case store::EntryType::whiteout: return '3';
    case store::EntryType::regular: break;
  }
  return '0';
}

/// As libarchive does: base64 without what would fill it up.
std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto part = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | (k < part.size() ? static_cast<unsigned char>(part[k]) : 0U);
    for (std::size_t k = 0; k <= part.size(); ++k) text += digits[bits >> (18 - 6 * k) & 63];
  }
  return text;
}

/// As in URLs, and so that no "=" ends the name.
std::string encoded(std::string_view name) {
  std::string text;
  for (char c : name) {
    if (c > 0x20 && c < 0x7f && c != '%' && c != '=')
      text += c;
    else
      text += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return text;
}

/// "LENGTH KEY=VALUE\n", where the length counts itself.
void append_record(std::string& records, std::string_view key, std::string_view value) {
  const auto rest = key.size() + value.size() + 3;
  auto length = rest + 1;
  while (fmt::formatted_size("{}", length) + rest != length) ++length;
  records += fmt::format("{} {}={}\n", length, key, value);
}

std::string path_in_archive(const store::Entry& entry) {
  if (entry.path.empty()) return "./";
  return entry.type == store::EntryType::directory ? entry.path + "/" : entry.path;
}

/// What the header has no room for.
std::string records_of(const store::Entry& entry, const std::string& path) {
  std::string records;
  const auto is_in_header = [](std::string_view text) { return text.size() <= longest_name && is_ascii(text); };
  if (!is_ascii(path) || !is_ascii(entry.target)) append_record(records, "hdrcharset", "BINARY");
  if (!is_in_header(path)) append_record(records, "path", path);
  if (!is_in_header(entry.target)) append_record(records, "linkpath", entry.target);
  if (!fits(size_field, entry.size)) append_record(records, "size", fmt::to_string(entry.size));
  if (!fits(uid_field, entry.uid)) append_record(records, "uid", fmt::to_string(entry.uid));
  if (!fits(gid_field, entry.gid)) append_record(records, "gid", fmt::to_string(entry.gid));
  if (entry.mtime < 0 || !fits(mtime_field, static_cast<std::uint64_t>(entry.mtime)))
    append_record(records, "mtime", fmt::to_string(entry.mtime));
  for (const auto& [name, value] : entry.xattrs)
    append_record(records, "LIBARCHIVE.xattr." + encoded(name), base64(value));
  if (entry.opaque) append_record(records, "LIBARCHIVE.xattr.user.overlay.opaque", base64("y"));
  if (records.size() > longest_records)
    throw StepError(fmt::format("has names and attributes of {} KiB, and an archive takes {}", records.size() >> 10,
                                longest_records >> 10));
  return records;
}

std::string header_of(const store::Entry& entry, const std::string& path) {
  Header header(type_of(entry.type));
  header.put(name_field, is_ascii(path) ? path : "PaxHeader");
  header.put(link_field, is_ascii(entry.target) ? entry.target : "PaxHeader");
  header.put(mode_field, entry.mode);
  header.put(uid_field, entry.uid);
  header.put(gid_field, entry.gid);
  header.put(size_field, entry.size);
  header.put(mtime_field, entry.mtime < 0 ? 0 : static_cast<std::uint64_t>(entry.mtime));
  if (entry.type == store::EntryType::whiteout) {
    header.put(major_field, std::uint64_t{0});
    header.put(minor_field, std::uint64_t{0});
  }
  return std::move(header).finish();
}

/// Of archives every byte is determined by what is given. libarchive's bsdtar and ArchiveReader read all of it: only
/// what an entry needs is in its extended header, in a fixed order, and attributes are as libarchive writes them
/// (LIBARCHIVE.xattr), which takes any name and any value.
///
/// Written by ourselves because locks pin these bytes, and libraries change theirs from release to release.
class PaxWriter {
 public:
  using Write = std::function<void(std::string_view bytes)>;
  explicit PaxWriter(Write write) : write_(std::move(write)) {}

  /// The headers of an entry; of a regular file its content follows. StepError, without the entry's path, when its
  /// names and attributes are more than readers take.
  void add(const store::Entry& entry) {
    const auto path = path_in_archive(entry);
    const auto records = records_of(entry, path);
    if (!records.empty()) {
      Header header('x');
      header.put(name_field, "PaxHeader");
      header.put(mode_field, std::uint64_t{0644});
      header.put(uid_field, std::uint64_t{0});
      header.put(gid_field, std::uint64_t{0});
      header.put(size_field, records.size());
      header.put(mtime_field, std::uint64_t{0});
      write_(std::move(header).finish());
      write_(filled(records));
    }
    write_(header_of(entry, path));
  }
  void append(std::string_view content) { write_(content); }
  /// Fills the last block of a content of this size.
  void end_content(std::uint64_t size) { write_(std::string((block - size % block) % block, '\0')); }
  /// The end of the archive.
  void finish() { write_(std::string(2 * block, '\0')); }

 private:
  Write write_;
};

/// Compresses what it is given into a file. By one thread: with several, the bytes would tell how many.
class Compressor {
 public:
  Compressor(int output, const std::string& label) : output_(output), label_(label), context_(::ZSTD_createCCtx()) {
    constexpr int level = 6;
    require(::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level));
    require(::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1));
  }

  void write(std::string_view bytes) {
    ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
    while (input.pos < input.size) step(input, ZSTD_e_continue);
  }
  void finish() {
    ZSTD_inBuffer input{nullptr, 0, 0};
    while (step(input, ZSTD_e_end) != 0) {
    }
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const noexcept { ::ZSTD_freeCCtx(context); }
  };

  std::size_t require(std::size_t result) const {
    if (::ZSTD_isError(result) == 0) return result;
    throw StoreError(fmt::format("{}: cannot compress: {}", label_, ::ZSTD_getErrorName(result)));
  }
  std::size_t step(ZSTD_inBuffer& input, ZSTD_EndDirective directive) {
    ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
    const auto rest = require(::ZSTD_compressStream2(context_.get(), &out, &input, directive));
    write_all(output_, {buffer_.data(), out.pos}, label_ + ": the archive");
    return rest;
  }

  int output_;
  const std::string& label_;
  std::unique_ptr<ZSTD_CCtx, Free> context_;
  std::vector<char> buffer_ = std::vector<char>(::ZSTD_CStreamOutSize());
};

class Packing {
 public:
  explicit Packing(const PackRequest& request)
      : request_(request),
        compressor_(request.output, request.label),
        archive_([this](std::string_view bytes) { compressor_.write(bytes); }) {}

  void run() {
    for (const auto& entry : request_.listing.entries()) pack(entry);
    archive_.finish();
    compressor_.finish();
  }

 private:
  void pack(store::Entry entry) {
    entry.mtime = nearest_time(entry.mtime);
    try {
      archive_.add(entry);
    } catch (const StepError& error) {
      throw StepError(fmt::format("{}: \"/{}\" {}", request_.label, escaped_utf8(entry.path), error.what()));
    }
    if (entry.type == store::EntryType::regular) append_content(entry);
  }

  [[noreturn]] void fail_changed(const store::Entry& entry) const {
    throw StoreError(fmt::format("{}: \"/{}\" changed while it was read; end what writes to it and try again",
                                 request_.label, escaped_utf8(entry.path)));
  }

  void append_content(const store::Entry& entry) {
    auto file = open_regular(request_.tree, entry.path, Links::refused);
    if (!file) fail_changed(entry);
    Blake3 hasher;
    std::uint64_t size = 0;
    std::string looked_at;
    const bool is_looked_at = request_.look && entry.size <= largest_looked_at;
    while (const auto count = read(file->get(), entry)) {
      const std::string_view bytes(buffer_.data(), count);
      hasher.update(bytes);
      size += count;
      if (size > entry.size) fail_changed(entry);
      if (is_looked_at) looked_at += bytes;
      archive_.append(bytes);
    }
    if (size != entry.size || hasher.finish() != entry.content) fail_changed(entry);
    archive_.end_content(size);
    if (is_looked_at) request_.look(entry, looked_at);
  }

  std::size_t read(int file, const store::Entry& entry) {
    for (;;) {
      const auto count = ::read(file, buffer_.data(), buffer_.size());
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR)
        throw StoreError(
            errno_message(fmt::format("{}: cannot read \"/{}\"", request_.label, escaped_utf8(entry.path)), errno));
    }
  }

  const PackRequest& request_;
  Compressor compressor_;
  PaxWriter archive_;
  std::vector<char> buffer_ = std::vector<char>(256 * 1024);
};

}  // namespace

void pack_changes(const PackRequest& request) { Packing(request).run(); }

}  // namespace karapace::trees
