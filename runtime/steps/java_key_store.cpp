// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/java_key_store.hpp"

#include <algorithm>
#include <optional>

#include <openssl/sha.h>

namespace karapace::steps {

namespace {

constexpr std::uint64_t magic = 0xfeedfeed;
constexpr std::uint64_t trusted_certificate = 2;

/// Reads big-endian numbers and counted strings; past the end everything is nothing.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  std::size_t position() const noexcept { return position_; }
  std::optional<std::uint64_t> number(std::size_t size) {
    if (bytes_.size() - position_ < size) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes_[position_ + i]);
    position_ += size;
    return value;
  }
  bool skip_counted(std::size_t size_of_count) {
    auto count = number(size_of_count);
    if (!count || bytes_.size() - position_ < *count) return false;
    position_ += *count;
    return true;
  }

 private:
  std::string_view bytes_;
  std::size_t position_ = 0;
};

// The password "changeit" in UTF-16 and the phrase that Java adds.
std::string digest(std::string_view content) {
  std::string bytes;
  for (char c : std::string_view("changeit")) bytes.append(1, '\0').append(1, c);
  bytes.append("Mighty Aphrodite").append(content);
  unsigned char result[SHA_DIGEST_LENGTH];
  ::SHA1(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), result);
  return {reinterpret_cast<const char*>(result), sizeof result};
}

std::string big_endian(std::uint64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

/// Replaces the dates; false when the store is not what is expected.
bool replace_dates(std::string& store, std::uint64_t latest) {
  Reader reader(store);
  if (reader.number(4) != magic || reader.number(4) != 2) return false;
  auto count = reader.number(4);
  for (std::uint64_t i = 0; count && i < *count; ++i) {
    if (reader.number(4) != trusted_certificate || !reader.skip_counted(2)) return false;
    auto place = reader.position();
    auto date = reader.number(8);
    if (!date) return false;
    if (*date > latest) store.replace(place, 8, big_endian(latest));
    if (!reader.skip_counted(2) || !reader.skip_counted(4)) return false;
  }
  return count && reader.position() == store.size() - SHA_DIGEST_LENGTH;
}

}  // namespace

std::string with_epoch_dates(std::string_view store, std::int64_t epoch) {
  if (store.size() < SHA_DIGEST_LENGTH || epoch < 0) return std::string(store);
  auto content = store.substr(0, store.size() - SHA_DIGEST_LENGTH);
  if (digest(content) != store.substr(content.size())) return std::string(store);
  std::string result(store);
  if (!replace_dates(result, static_cast<std::uint64_t>(epoch) * 1000)) return std::string(store);
  result.resize(content.size());
  return result + digest(result);
}

}  // namespace karapace::steps
