// SPDX-License-Identifier: Apache-2.0
// Builds zip archives byte by byte, also such as no zip program would write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/stat.h>
#include <zlib.h>

namespace karapace::steps {

struct ZipEntry {
  std::string name = {};
  std::string content = {};             // of a link: where it leads
  std::uint32_t mode = S_IFREG | 0644;  // as st_mode; 0: made where there are no such modes
  std::uint16_t flags = 0;
  std::uint32_t crc_mistake = 0;
  std::uint32_t size_mistake = 0;
};

class ZipBuilder {
 public:
  static constexpr std::uint16_t encrypted = 1, utf8 = 0x800;

  ZipBuilder& add(const ZipEntry& entry) {
    const auto crc = static_cast<std::uint32_t>(
        ::crc32(0, reinterpret_cast<const Bytef*>(entry.content.data()), static_cast<uInt>(entry.content.size())));
    const auto size = static_cast<std::uint32_t>(entry.content.size());
    std::string common;
    put16(common, entry.flags);
    put16(common, 0);                       // stored
    put16(common, 12 << 11 | 30 << 5 | 5);  // 12:30:10
    put16(common, 44 << 9 | 3 << 5 | 2);    // 2024-03-02
    put32(common, crc + entry.crc_mistake);
    put32(common, size);
    put32(common, size + entry.size_mistake);
    put16(common, static_cast<std::uint16_t>(entry.name.size()));
    put16(common, 0);  // extra fields
    const auto offset = static_cast<std::uint32_t>(bytes_.size());
    bytes_ += "PK\3\4";
    put16(bytes_, 20);
    bytes_ += common + entry.name + entry.content;

    constexpr std::uint16_t made_by_unix = 3 << 8;
    directory_ += "PK\1\2";
    put16(directory_, static_cast<std::uint16_t>((entry.mode == 0 ? 0 : made_by_unix) | 20));
    put16(directory_, 20);
    directory_ += common;
    directory_.append(6, '\0');  // comment, disk, what it is within
    put32(directory_, entry.mode << 16);
    put32(directory_, offset);
    directory_ += entry.name;
    ++count_;
    return *this;
  }

  std::string finish() const {
    auto made = bytes_ + directory_ + "PK\5\6";
    made.append(4, '\0');
    put16(made, count_);
    put16(made, count_);
    put32(made, static_cast<std::uint32_t>(directory_.size()));
    put32(made, static_cast<std::uint32_t>(bytes_.size()));
    put16(made, 0);
    return made;
  }

 private:
  static void put16(std::string& to, unsigned value) {
    to += static_cast<char>(value & 0xff);
    to += static_cast<char>(value >> 8 & 0xff);
  }
  static void put32(std::string& to, std::uint32_t value) {
    put16(to, value & 0xffff);
    put16(to, value >> 16);
  }

  std::string bytes_;
  std::string directory_;
  std::uint16_t count_ = 0;
};

}  // namespace karapace::steps
