// SPDX-License-Identifier: Apache-2.0
#include "store/pax_writer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"

namespace karapace::store {

namespace {

constexpr std::size_t block = 512;
constexpr std::size_t longest_name = 100;
constexpr std::size_t longest_records = std::size_t{1} << 20;  // readers take no more

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

char letter_of(EntryType type) noexcept {
  switch (type) {
    case EntryType::directory: return '5';
    case EntryType::symlink: return '2';
    case EntryType::hardlink: return '1';
    case EntryType::fifo: return '6';
    case EntryType::whiteout: return '3';
    case EntryType::regular: break;
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

std::string path_in_archive(const Entry& entry) {
  if (entry.path.empty()) return "./";
  return entry.type == EntryType::directory ? entry.path + "/" : entry.path;
}

/// "SECONDS" or "SECONDS.NANOSECONDS": of a time before 1970 the fraction counts away from zero, as the sign does.
std::string time_text(const Entry& entry) {
  if (entry.nanoseconds == 0) return fmt::to_string(entry.mtime);
  if (entry.mtime >= 0) return fmt::format("{}.{:09}", entry.mtime, entry.nanoseconds);
  return fmt::format("-{}.{:09}", -(entry.mtime + 1), 1'000'000'000 - entry.nanoseconds);
}

void append_attributes(std::string& records, const Entry& entry, PaxWriter::Dialect dialect) {
  for (const auto& [name, value] : entry.xattrs) {
    // A key ends at its first "=", and what reads images takes an empty value for none: only LIBARCHIVE.xattr has both.
    const bool is_plain = dialect == PaxWriter::Dialect::image && name.find('=') == name.npos && !value.empty();
    if (is_plain)
      append_record(records, "SCHILY.xattr." + name, value);
    else if (dialect == PaxWriter::Dialect::star)
      append_record(records, "SCHILY.xattr." + encoded(name), value);
    else
      append_record(records, "LIBARCHIVE.xattr." + encoded(name), base64(value));
  }
  if (entry.opaque) append_record(records, "LIBARCHIVE.xattr.user.overlay.opaque", base64("y"));
}

/// What the header has no room for.
std::string records_of(const Entry& entry, const std::string& path, PaxWriter::Dialect dialect) {
  std::string records;
  const auto is_in_header = [](std::string_view text) { return text.size() <= longest_name && is_ascii(text); };
  // GNU tar does not know it, and warns.
  if (dialect != PaxWriter::Dialect::star && (!is_ascii(path) || !is_ascii(entry.target)))
    append_record(records, "hdrcharset", "BINARY");
  if (!is_in_header(path)) append_record(records, "path", path);
  if (!is_in_header(entry.target)) append_record(records, "linkpath", entry.target);
  if (!fits(size_field, entry.size)) append_record(records, "size", fmt::to_string(entry.size));
  if (!fits(uid_field, entry.uid)) append_record(records, "uid", fmt::to_string(entry.uid));
  if (!fits(gid_field, entry.gid)) append_record(records, "gid", fmt::to_string(entry.gid));
  if (entry.nanoseconds != 0 || entry.mtime < 0 || !fits(mtime_field, static_cast<std::uint64_t>(entry.mtime)))
    append_record(records, "mtime", time_text(entry));
  append_attributes(records, entry, dialect);
  return records;
}

std::string header_of(const Entry& entry, const std::string& path) {
  Header header(letter_of(entry.type));
  header.put(name_field, is_ascii(path) ? path : "PaxHeader");
  header.put(link_field, is_ascii(entry.target) ? entry.target : "PaxHeader");
  header.put(mode_field, entry.mode);
  header.put(uid_field, entry.uid);
  header.put(gid_field, entry.gid);
  header.put(size_field, entry.size);
  header.put(mtime_field, entry.mtime < 0 ? 0 : static_cast<std::uint64_t>(entry.mtime));
  if (entry.type == EntryType::whiteout) {
    header.put(major_field, std::uint64_t{0});
    header.put(minor_field, std::uint64_t{0});
  }
  return std::move(header).finish();
}

}  // namespace

void PaxWriter::add(const Entry& entry) { add(entry, {}); }

void PaxWriter::add_sparse(Entry entry, const std::vector<Segment>& segments) {
  std::string map = fmt::format("{}\n", segments.size());
  std::uint64_t stored = 0;
  for (const auto& segment : segments) {
    map += fmt::format("{}\n{}\n", segment.offset, segment.size);
    stored += segment.size;
  }
  map = filled(std::move(map));
  std::string records;
  append_record(records, "GNU.sparse.major", "1");
  append_record(records, "GNU.sparse.minor", "0");
  append_record(records, "GNU.sparse.name", entry.path);
  append_record(records, "GNU.sparse.realsize", fmt::to_string(entry.size));
  entry.size = map.size() + stored;
  add(entry, std::move(records));
  write_(map);
}

void PaxWriter::add(const Entry& entry, std::string records) {
  const auto path = path_in_archive(entry);
  records += records_of(entry, path, dialect_);
  if (records.size() > longest_records)
    throw StepError(fmt::format("has names and attributes of {} KiB, and an archive takes {}", records.size() >> 10,
                                longest_records >> 10));
  if (!records.empty()) {
    Header header('x');
    header.put(name_field, "PaxHeader");
    header.put(mode_field, std::uint64_t{0644});
    header.put(uid_field, std::uint64_t{0});
    header.put(gid_field, std::uint64_t{0});
    header.put(size_field, records.size());
    header.put(mtime_field, std::uint64_t{0});
    write_(std::move(header).finish());
    write_(filled(std::move(records)));
  }
  write_(header_of(entry, path));
}

void PaxWriter::end_content(std::uint64_t size) { write_(std::string((block - size % block) % block, '\0')); }

void PaxWriter::finish() { write_(std::string(2 * block, '\0')); }

}  // namespace karapace::store
