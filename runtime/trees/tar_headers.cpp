// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/tar_headers.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::trees {

namespace {

constexpr std::size_t block = 512;
constexpr std::uint64_t longest_special = std::uint64_t{1} << 20;  // libarchive reads no longer ones
constexpr std::string_view special_types = "xXgLKAV";

using Block = std::array<char, block>;

std::string shown(std::string_view text) { return escaped_utf8(text.substr(0, 40)); }

/// A number of a header: octal digits, or base 256 when its first bit is set.
std::optional<std::uint64_t> number(std::string_view field) {
  std::uint64_t value = 0;
  if ((static_cast<unsigned char>(field.front()) & 0x80U) != 0) {
    for (char c : field.substr(field.size() - 8)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
  const auto end = field.data() + std::min(field.find_first_of(std::string_view(" \0", 2)), field.size());
  const auto read = std::from_chars(field.data(), end, value, 8);
  if (end == field.data()) return 0;
  return read.ec == std::errc{} && read.ptr == end ? std::optional(value) : std::nullopt;
}

std::uint64_t size_of(const Block& header) {
  const auto size = number({header.data() + 124, 12});
  if (!size) throw StepError("a size is no number");
  return *size;
}

/// "LENGTH KEY=VALUE\n", where the length counts itself.
PaxRecord next_record(std::string_view& text) {
  std::size_t length = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), length);
  const auto begin = static_cast<std::size_t>(read.ptr - text.data()) + 1;
  if (read.ec != std::errc{} || length > text.size() || begin >= length || text[begin - 1] != ' ' ||
      text[length - 1] != '\n')
    throw StepError("an extended header is malformed");
  const auto record = text.substr(begin, length - begin - 1);
  const auto equals = record.find('=');
  if (equals == 0 || equals == std::string_view::npos) throw StepError("an extended header is malformed");
  text.remove_prefix(length);
  return {std::string(record.substr(0, equals)), std::string(record.substr(equals + 1))};
}

std::vector<PaxRecord> records_of(const RecentBytes& bytes, std::uint64_t position, std::uint64_t size) {
  std::string text(size, '\0');
  bytes.copy(position, text);
  std::vector<PaxRecord> records;
  for (std::string_view rest = text; !rest.empty();) records.push_back(next_record(rest));
  return records;
}

bool is_pax(char type) { return type == 'x' || type == 'X'; }

bool is_number(std::string_view text) {
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size() && value >= 0 && !text.starts_with('-');
}

/// Whether libarchive's decoder, which passes over what it does not know, loses nothing.
bool is_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  const auto is_digit = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  return text.size() % 4 != 1 && std::all_of(text.begin(), text.end(), is_digit);
}

constexpr std::string_view base64_attribute = "LIBARCHIVE.xattr.";

/// Those whose bytes libarchive counts: it ends all others at a NUL.
bool may_have_nul(std::string_view key) { return key.starts_with("SCHILY.xattr.") || key == "RHT.security.selinux"; }

void require_record(const PaxRecord& record) {
  const auto& [key, value] = record;
  constexpr std::array<std::string_view, 5> numbers = {"size", "GNU.sparse.size", "GNU.sparse.realsize",
                                                       "GNU.sparse.offset", "GNU.sparse.numbytes"};
  if (value.find('\0') != value.npos && !may_have_nul(key))
    throw StepError(fmt::format("there is a NUL in {}", shown(key)));
  if (key.starts_with(base64_attribute) && !is_base64(value))
    throw StepError(fmt::format("the value of {} is no base64", shown(key)));
  if (std::find(numbers.begin(), numbers.end(), key) != numbers.end() && !is_number(value))
    throw StepError(fmt::format("{}={} is no number", key, shown(value)));
}

/// Of no other does libarchive warn before it warns of a name.
bool never_warns(std::string_view key) {
  constexpr std::array<std::string_view, 15> known = {
      "path",  "linkpath", "uname",   "gname",   "uid",        "gid",        "size",        "mtime",
      "atime", "ctime",    "comment", "charset", "hdrcharset", "SCHILY.dev", "SCHILY.nlink"};
  constexpr std::array<std::string_view, 4> kinds = {base64_attribute, "SCHILY.xattr.", "SCHILY.ino", "RHT.security."};
  return std::find(known.begin(), known.end(), key) != known.end() || key == "LIBARCHIVE.creationtime" ||
         std::any_of(kinds.begin(), kinds.end(), [&](auto kind) { return key.starts_with(kind); });
}

/// What a global header says of all entries, libarchive does not read.
void require_global(const PaxRecord& record) {
  constexpr std::array<std::string_view, 5> about_the_archive = {"comment", "charset", "hdrcharset", "atime", "ctime"};
  if (std::find(about_the_archive.begin(), about_the_archive.end(), record.key) != about_the_archive.end()) return;
  throw StepError(fmt::format("a global extended header sets {} of all entries", shown(record.key)));
}

const std::string* value_of(const TarHeaders& headers, std::string_view key) {
  for (const auto& record : headers.records)
    if (record.key == key) return &record.value;
  return nullptr;
}

/// How many bytes the map takes with which the body of a sparse file of GNU's format 1.0 begins: a number of blocks,
/// and two numbers of each, one a line.
class SparseMap {
 public:
  SparseMap(const RecentBytes& bytes, std::uint64_t position) : bytes_(bytes), position_(position) {}

  std::uint64_t size() {
    const auto begin = position_;
    for (auto numbers = 2 * next_number(); numbers > 0; --numbers) next_number();
    return (position_ - begin + block - 1) / block * block;
  }

 private:
  std::uint64_t next_number() {
    auto line = next_line();
    while (line.starts_with('#')) line = next_line();
    if (!is_number(line)) throw StepError("the map of a sparse file is malformed");
    return std::stoull(line);
  }

  std::string next_line() {
    std::string line;
    for (;;) {
      char c = 0;
      bytes_.copy(position_++, {&c, 1});
      if (c == '\n') return line;
      line += c;
    }
  }

  const RecentBytes& bytes_;
  std::uint64_t position_;
};

/// The bytes of all blocks of its map; a file without one is one block.
std::uint64_t mapped(archive_entry* entry) {
  std::int64_t offset = 0, length = 0;
  std::uint64_t sum = 0;
  archive_entry_sparse_reset(entry);
  while (archive_entry_sparse_next(entry, &offset, &length) == ARCHIVE_OK) sum += static_cast<std::uint64_t>(length);
  return sum;
}

void require_whole_body(const TarHeaders& headers, archive_entry* entry, const RecentBytes& bytes) {
  const bool is_sparse =
      headers.types.back() == 'S' || std::any_of(headers.records.begin(), headers.records.end(),
                                                 [](const auto& r) { return r.key.starts_with("GNU.sparse."); });
  const auto size = static_cast<std::uint64_t>(std::max<std::int64_t>(archive_entry_size(entry), 0));
  if (!is_sparse && size >= headers.stored) return;
  auto stored = headers.stored;
  if (value_of(headers, "GNU.sparse.major")) {
    const auto map = SparseMap(bytes, headers.body).size();
    if (map > stored) throw StepError("the map of a sparse file is longer than its body");
    stored -= map;
  }
  // libarchive forgets a map of one block that is the whole file.
  const auto found = archive_entry_sparse_reset(entry) == 0 && stored == size ? size : mapped(entry);
  if (found != stored)
    throw StepError(fmt::format("its map of a sparse file names {} bytes, and {} are there", found, stored));
}

}  // namespace

std::span<const char> RecentBytes::next_block() {
  const std::span<char> slot(ring_.get() + given_ % ring_size, block_size);
  std::size_t filled = 0;
  while (filled < slot.size()) {
    const auto count = source_(slot.subspan(filled));
    if (count == 0) break;
    filled += count;
  }
  given_ += filled;
  return slot.first(filled);
}

void RecentBytes::copy(std::uint64_t position, std::span<char> to) const {
  const auto last_block = given_ == 0 ? 0 : (given_ - 1) / block_size * block_size;
  const auto kept = block_size * (kept_blocks - 1);
  if (position + to.size() > given_ || (last_block > kept && position < last_block - kept))
    throw StepError(fmt::format("its headers are longer than {} KiB", kept / 1024));
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = ring_[(position + i) % ring_size];
}

TarHeaders read_tar_headers(const RecentBytes& bytes, std::uint64_t position) {
  TarHeaders headers;
  for (;;) {
    Block header{};
    bytes.copy(position, header);
    const char type = header[156];
    const auto size = size_of(header);
    headers.types += type;
    position += block;
    headers.stored = size;
    headers.body = position;
    if (special_types.find(type) == special_types.npos || type == '\0') break;
    if (size > longest_special) throw StepError(fmt::format("a header of type '{}' is too long", type));
    if (is_pax(type)) headers.records = records_of(bytes, position, size);
    if (type == 'g') headers.global = records_of(bytes, position, size);
    position += (size + block - 1) / block * block;
  }
  if (const auto* size = value_of(headers, "size"); size && is_number(*size)) headers.stored = std::stoull(*size);
  return headers;
}

void require_nothing_lost(const TarHeaders& headers, archive_entry* entry, const RecentBytes& bytes, bool warned) {
  for (const auto& record : headers.global) require_global(record);
  for (const auto& record : headers.records) {
    require_record(record);
    if (warned && !never_warns(record.key))
      throw StepError(fmt::format("{} stands beside a name that is no ASCII", shown(record.key)));
  }
  const bool is_link = archive_entry_hardlink(entry) != nullptr;
  if (is_link && archive_entry_size(entry) > 0) throw StepError("it is a hard link with bytes of its own");
  if (!is_link && archive_entry_filetype(entry) == AE_IFREG) require_whole_body(headers, entry, bytes);
  if (archive_entry_filetype(entry) == AE_IFDIR && headers.types.back() != '5' && headers.types.back() != 'D' &&
      headers.stored > 0)
    throw StepError("it is a file whose name ends as that of a directory, and has bytes");
}

}  // namespace karapace::trees
