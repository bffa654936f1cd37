// SPDX-License-Identifier: Apache-2.0
// Builds tar archives byte by byte, also such as no tar program would write.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace karapace::steps {

struct TarEntry {
  std::string name = {};
  char type = '0';  // '0' file, '1' hard link, '2' symlink, '3' character device, '5' directory, '6' fifo
  unsigned mode = 0644;
  std::string content = {};
  std::string link = {};
  unsigned uid = 0;
  unsigned gid = 0;
  long mtime = 1700000000;
};

class TarBuilder {
 public:
  TarBuilder& add(const TarEntry& entry) {
    std::string header(512, '\0');
    auto put = [&](std::size_t at, std::string_view text) {
      std::memcpy(header.data() + at, text.data(), text.size());
    };
    auto octal = [&](std::size_t at, int digits, unsigned long value) {
      char text[24];
      std::snprintf(text, sizeof text, "%0*lo", digits, value);
      put(at, text);
    };
    put(0, std::string_view(entry.name).substr(0, 100));
    octal(100, 7, entry.mode);
    octal(108, 7, entry.uid);
    octal(116, 7, entry.gid);
    octal(124, 11, entry.content.size());
    octal(136, 11, static_cast<unsigned long>(entry.mtime));
    put(148, "        ");
    header[156] = entry.type;
    put(157, std::string_view(entry.link).substr(0, 100));
    put(257, std::string_view("ustar\00000", 8));
    unsigned long sum = 0;
    for (char c : header) sum += static_cast<unsigned char>(c);
    octal(148, 6, sum);
    header[154] = '\0';
    bytes_ += header + entry.content;
    bytes_.append((512 - entry.content.size() % 512) % 512, '\0');
    return *this;
  }
  std::string finish() const { return bytes_ + std::string(1024, '\0'); }

 private:
  std::string bytes_;
};

}  // namespace karapace::steps
