// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/plan_reader.hpp"

#include <cerrno>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

namespace karapace::init {
namespace {

/// Takes values and strings off the front of the block; `whole` turns false when it ends too early.
class Cursor {
 public:
  Cursor(const char* bytes, std::size_t size) noexcept : next_(bytes), end_(bytes + size) {}

  template <class Value>
  void take(Value& value) noexcept {
    if (!has(sizeof value)) return;
    std::memcpy(&value, next_, sizeof value);
    next_ += sizeof value;
  }

  /// execve(2) wants its strings writable; the mapping is private.
  char* take_text() noexcept {
    const auto length = strnlen(next_, rest());
    if (!has(length + 1)) return nullptr;
    char* text = const_cast<char*>(next_);
    next_ += length + 1;
    return text;
  }

  std::size_t rest() const noexcept { return static_cast<std::size_t>(end_ - next_); }
  bool whole() const noexcept { return whole_; }

 private:
  bool has(std::size_t size) noexcept { return whole_ = whole_ && size <= rest(); }

  const char* next_;
  const char* end_;
  bool whole_ = true;
};

ReadPlan unreadable(int error) noexcept { return {.error = error}; }

void* map(std::size_t size, int flags, int fd) noexcept {
  void* place = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | flags, fd, 0);
  return place == MAP_FAILED ? nullptr : place;
}

/// Every string takes a byte of the block at least, so pointers to it and the two that end the arrays of each command
/// fit.
void* pointers_for(const Header& header) noexcept {
  const auto strings = header.size / 2 + 2 * std::size_t{header.commands};
  return map(header.commands * sizeof(PlannedCommand) + strings * 2 * sizeof(char*), MAP_ANONYMOUS, -1);
}

char** take_list(Cursor& cursor, std::uint32_t count, char**& free) noexcept {
  char** list = free;
  for (std::uint32_t i = 0; i < count && cursor.whole(); ++i) *free++ = cursor.take_text();
  *free++ = nullptr;
  return list;
}

void take_command(Cursor& cursor, PlannedCommand& command, char**& free) noexcept {
  CommandHeader counts;
  cursor.take(counts);
  if (counts.arguments == 0 || counts.arguments > cursor.rest() || counts.variables > cursor.rest()) counts = {};
  command.search_path = cursor.take_text();
  command.working_directory = cursor.take_text();
  command.argv = take_list(cursor, counts.arguments, free);
  command.variables = take_list(cursor, counts.variables, free);
}

}  // namespace

ReadPlan read_plan(const char* bytes, std::size_t size) noexcept {
  if (size < sizeof(Header)) return unreadable(EBADMSG);
  const auto* header = reinterpret_cast<const Header*>(bytes);
  if (header->mark != Header::expected_mark || header->size != size) return unreadable(EBADMSG);
  if (header->commands > size / sizeof(CommandHeader)) return unreadable(EBADMSG);
  auto* commands = static_cast<PlannedCommand*>(pointers_for(*header));
  if (commands == nullptr) return unreadable(errno);
  auto** free = reinterpret_cast<char**>(commands + header->commands);
  Cursor cursor(bytes + sizeof(Header), size - sizeof(Header));
  for (std::uint32_t i = 0; i < header->commands && cursor.whole(); ++i) take_command(cursor, commands[i], free);
  if (!cursor.whole()) return unreadable(EBADMSG);
  for (std::uint32_t i = 0; i < header->commands; ++i)
    if (commands[i].argv[0] == nullptr) return unreadable(EBADMSG);
  return {.header = header, .commands = commands};
}

ReadPlan read_plan(int fd) noexcept {
  Header header;
  const auto count = ::read(fd, &header, sizeof header);
  if (count != static_cast<ssize_t>(sizeof header) || header.mark != Header::expected_mark) return unreadable(EBADMSG);
  const auto* bytes = static_cast<const char*>(map(header.size, 0, fd));
  ::close(fd);
  if (bytes == nullptr) return unreadable(errno);
  return read_plan(bytes, header.size);
}

}  // namespace karapace::init
