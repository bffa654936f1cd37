// SPDX-License-Identifier: Apache-2.0
#include "base/digest.hpp"

#include <cerrno>
#include <vector>

#include <blake3.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/call_error.hpp"
#include "base/error.hpp"

namespace karapace {

namespace {

/// The value of each lower-case hex digit, -1 for every other byte. Listings hold a digest per line.
constexpr auto hex_values = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (int i = 0; i < 10; ++i) values[static_cast<std::size_t>('0' + i)] = static_cast<std::int8_t>(i);
  for (int i = 0; i < 6; ++i) values[static_cast<std::size_t>('a' + i)] = static_cast<std::int8_t>(10 + i);
  return values;
}();

int hex_value(char c) noexcept { return hex_values[static_cast<std::uint8_t>(c)]; }

}  // namespace

std::optional<Digest> Digest::from_hex(std::string_view hex) noexcept {
  if (hex.size() != 2 * size) return std::nullopt;
  std::array<std::uint8_t, size> bytes{};
  for (std::size_t i = 0; i < size; ++i) {
    int high = hex_value(hex[2 * i]);
    int low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return Digest(bytes);
}

std::string Digest::hex() const {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text(2 * size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[2 * i] = digits[bytes_[i] >> 4];
    text[2 * i + 1] = digits[bytes_[i] & 15];
  }
  return text;
}

struct Blake3::State {
  blake3_hasher hasher;
};

Blake3::Blake3() : state_(std::make_unique<State>()) { blake3_hasher_init(&state_->hasher); }
Blake3::~Blake3() = default;

Blake3& Blake3::update(std::string_view bytes) {
  blake3_hasher_update(&state_->hasher, bytes.data(), bytes.size());
  return *this;
}

Digest Blake3::finish() const {
  std::array<std::uint8_t, Digest::size> bytes{};
  blake3_hasher_finalize(&state_->hasher, bytes.data(), bytes.size());
  return Digest(bytes);
}

Digest blake3(std::string_view bytes) { return Blake3().update(bytes).finish(); }

Digest blake3_of_file(int fd, std::string_view what) {
  Blake3 hasher;
  std::vector<char> buffer(256 * 1024);
  for (;;) {
    ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count == 0) return hasher.finish();
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw CallError(fmt::format("cannot read {}", what), errno);
    hasher.update({buffer.data(), static_cast<std::size_t>(count)});
  }
}

}  // namespace karapace
