// SPDX-License-Identifier: Apache-2.0
// Builds tar archives byte by byte, also such as no tar program would write.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace karapace::steps {

struct TarEntry {
  std::string name = {};
  char type = '0';  // '0' file, '1' hard link, '2' symlink, '3' character device, '5' directory, '6' fifo
  unsigned mode = 0644;
  std::string content = {};
  std::string link = {};
  std::uint64_t uid = 0;
  std::uint64_t gid = 0;
  std::int64_t mtime = 1700000000;
  std::string user = {};
  std::string group = {};
};

class TarBuilder {
 public:
  TarBuilder& add(const TarEntry& entry) {
    add_header(entry, entry.content.size());
    bytes_ += entry.content;
    bytes_.append((512 - entry.content.size() % 512) % 512, '\0');
    return *this;
  }
  /// The headers of a file of this size; its content and what fills the last block is to be added by others.
  TarBuilder& add_header(const TarEntry& entry, std::uint64_t size) {
    std::string header(512, '\0');
    auto put = [&](std::size_t at, std::string_view text) {
      std::memcpy(header.data() + at, text.data(), text.size());
    };
    // What does not fit is written in base 256, as GNU tar does.
    auto octal = [&](std::size_t at, int digits, std::int64_t value) {
      char text[24];
      if (value >= 0 && value >> 3 * digits == 0) {
        std::snprintf(text, sizeof text, "%0*lo", digits, static_cast<unsigned long>(value));
        return put(at, text);
      }
      for (int i = 0; i <= digits; ++i)
        header[at + static_cast<std::size_t>(digits - i)] = static_cast<char>(i < 8 ? value >> 8 * i : value >> 63);
      header[at] = static_cast<char>(value < 0 ? 0xff : 0x80);
    };
    add_long('L', entry.name);
    add_long('K', entry.link);
    put(0, std::string_view(entry.name).substr(0, 100));
    octal(100, 7, entry.mode);
    octal(108, 7, static_cast<std::int64_t>(entry.uid));
    octal(116, 7, static_cast<std::int64_t>(entry.gid));
    octal(124, 11, static_cast<std::int64_t>(size));
    octal(136, 11, entry.mtime);
    put(148, "        ");
    header[156] = entry.type;
    put(157, std::string_view(entry.link).substr(0, 100));
    put(257, std::string_view("ustar\00000", 8));
    put(265, entry.user);
    put(297, entry.group);
    std::int64_t sum = 0;
    for (char c : header) sum += static_cast<unsigned char>(c);
    octal(148, 6, sum);
    header[154] = '\0';
    bytes_ += header;
    return *this;
  }
  /// An extended header, "path" and its value, in an entry of its own before the one it is for.
  TarBuilder& add_pax(const std::vector<std::pair<std::string, std::string>>& fields) {
    std::string records;
    for (const auto& [key, value] : fields) {
      const auto record = " " + key + "=" + value + "\n";
      auto length = record.size() + 1;
      while (std::to_string(length).size() + record.size() != length) ++length;  // it counts itself
      records += std::to_string(length) + record;
    }
    return add({.name = "PaxHeaders/x", .type = 'x', .content = records});
  }
  /// Without the end of an archive.
  const std::string& bytes() const noexcept { return bytes_; }
  std::string finish() const { return bytes_ + std::string(1024, '\0'); }

 private:
  /// A name that does not fit stands in an entry of its own before, in GNU's format.
  void add_long(char type, const std::string& name) {
    if (name.size() > 100) add({.name = "././@LongLink", .type = type, .content = name + std::string(1, '\0')});
  }

  std::string bytes_;
};

}  // namespace karapace::steps
