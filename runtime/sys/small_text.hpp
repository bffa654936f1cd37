// SPDX-License-Identifier: Apache-2.0
// SmallText: text of bounded length built without allocation, for cloned children.
#pragma once

#include <cstddef>
#include <cstring>

namespace karapace::sys {

template <std::size_t Capacity>
class SmallText {
 public:
  SmallText() noexcept = default;
  SmallText& add(const char* text) noexcept { return add(text, std::strlen(text)); }
  SmallText& add(const char* text, std::size_t length) noexcept {
    if (length >= Capacity - size_) {
      whole_ = false;
      return *this;
    }
    std::memcpy(text_ + size_, text, length);
    size_ += length;
    text_[size_] = '\0';
    return *this;
  }
  SmallText& add_number(unsigned long value) noexcept {
    char digits[24];
    std::size_t first = sizeof digits;
    do {
      digits[--first] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    return add(digits + first, sizeof digits - first);
  }
  void cut(std::size_t size) noexcept {
    size_ = size;
    text_[size_] = '\0';
  }
  const char* text() const noexcept { return text_; }
  std::size_t size() const noexcept { return size_; }
  /// False when something did not fit and was left out.
  bool whole() const noexcept { return whole_; }

 private:
  char text_[Capacity] = {};
  std::size_t size_ = 0;
  bool whole_ = true;
};

/// The path that stands for an open descriptor of this process.
inline SmallText<40> descriptor_path(int fd) noexcept {
  SmallText<40> path;
  path.add("/proc/self/fd/").add_number(static_cast<unsigned long>(fd));
  return path;
}

}  // namespace karapace::sys
