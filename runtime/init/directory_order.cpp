// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/directory_order.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/sys/syscalls.hpp"

namespace karapace::init {

namespace {

/// struct linux_dirent64 (getdents64(2)).
struct Record {
  std::uint64_t inode;
  std::int64_t next;
  std::uint16_t size;
  std::uint8_t type;
  char name[1];
};

constexpr struct {
  std::uint32_t architecture;
  int number;
} numbers[] = {{AUDIT_ARCH_X86_64, 217}, {AUDIT_ARCH_I386, 220}, {AUDIT_ARCH_AARCH64, 61}, {AUDIT_ARCH_ARM, 217}};

constexpr std::size_t one_read = 256 << 10;

/// The root's: the kernel's overlay, or the one that fuse-overlayfs serves.
bool is_of_the_root(int directory) noexcept {
  struct statfs system{};
  if (::fstatfs(directory, &system) != 0) return false;
  return system.f_type == OVERLAYFS_SUPER_MAGIC || system.f_type == FUSE_SUPER_MAGIC;
}

/// The caller's open file itself, with its position. A thread has the descriptors of its process.
Fd opened_by(pid_t caller, int descriptor) noexcept {
  Fd process = sys::pidfd_open(caller);
  if (!process) process = sys::pidfd_open(process_of(caller));
  return process ? sys::pidfd_getfd(process.get(), descriptor) : Fd();
}

}  // namespace

std::optional<DirectoryCall> decode_directory_call(const seccomp_data& call) noexcept {
  for (const auto& known : numbers)
    if (known.architecture == call.arch && known.number == call.nr)
      return DirectoryCall{static_cast<int>(call.args[0]), call.args[1], static_cast<std::uint32_t>(call.args[2])};
  return std::nullopt;
}

// FNV-1a, and the last steps of MurmurHash3, so that every bit of the name reaches those that count.
std::uint32_t directory_position(const char* name, std::uint32_t seed) noexcept {
  if (std::strcmp(name, ".") == 0) return 0;
  if (std::strcmp(name, "..") == 0) return 1;
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325 ^ seed;
  for (; *name != '\0'; ++name) hash = (hash ^ static_cast<unsigned char>(*name)) * 0x100'0000'01b3;
  hash = (hash ^ hash >> 33) * 0xff51'afd7'ed55'8ccd;
  hash = (hash ^ hash >> 33) * 0xc4ce'b9fe'1a85'ec53;
  return 2 + static_cast<std::uint32_t>((hash ^ hash >> 33) % (end_of_directory - 2));
}

GrowingBuffer::~GrowingBuffer() {
  if (bytes_ != nullptr) ::munmap(bytes_, capacity_);
}

bool GrowingBuffer::reserve(std::size_t size) noexcept {
  if (size <= capacity_) return true;
  const auto larger = std::max(size, 2 * capacity_);
  void* place = ::mmap(nullptr, larger, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) return false;
  if (bytes_ != nullptr) {
    std::memcpy(place, bytes_, capacity_);
    ::munmap(bytes_, capacity_);
  }
  bytes_ = static_cast<char*>(place);
  capacity_ = larger;
  return true;
}

OrderedDirectories::Answer OrderedDirectories::answer(const Waiting& waiting, const DirectoryCall& call) noexcept {
  directory_ = opened_by(waiting.caller, call.descriptor);
  if (!directory_ || !is_of_the_root(directory_.get())) return {.goes_on = true};
  // Only now is it certain that the file is the caller's and not that of a process with a reused id.
  if (!waiting.still()) return {.error = ESRCH};
  before_ = ::lseek(directory_.get(), 0, SEEK_CUR);
  if (before_ < 0) return {.goes_on = true};
  const auto answer = answer_from(waiting.caller, call, before_);
  const auto after = answer.error == 0 && answer.size > 0 ? std::int64_t{next_} : before_;
  if (::lseek(directory_.get(), after, SEEK_SET) < 0) return {.error = errno};
  return answer;
}

void OrderedDirectories::take_back() noexcept {
  if (directory_) ::lseek(directory_.get(), before_, SEEK_SET);
}

OrderedDirectories::Answer OrderedDirectories::answer_from(pid_t caller, const DirectoryCall& call,
                                                           std::int64_t position) noexcept {
  if (position >= end_of_directory) return {};
  if (!read_all() || !sort_names()) return {.error = errno};
  const auto size = write_from(static_cast<std::uint32_t>(position), call.size);
  if (size == 0) return {.error = errno};
  iovec here{written_.bytes(), size};
  iovec there{reinterpret_cast<void*>(call.buffer), size};
  const auto count = ::process_vm_writev(caller, &here, 1, &there, 1, 0);
  if (count != static_cast<ssize_t>(size)) return {.error = EFAULT};
  return {.size = count};
}

bool OrderedDirectories::read_all() noexcept {
  if (::lseek(directory_.get(), 0, SEEK_SET) != 0) return false;
  for (read_size_ = 0;;) {
    if (!read_.reserve(read_size_ + one_read)) return false;
    const auto count = sys::own_getdents64(directory_.get(), read_.bytes() + read_size_, one_read);
    if (count <= 0) return count == 0;
    read_size_ += static_cast<std::size_t>(count);
  }
}

const char* OrderedDirectories::name_of(const Name& name) const noexcept {
  return reinterpret_cast<const Record*>(read_.bytes() + name.record)->name;
}

bool OrderedDirectories::sort_names() noexcept {
  constexpr std::size_t smallest_record = 24;
  if (!names_.reserve((read_size_ / smallest_record + 1) * sizeof(Name))) return false;
  auto* names = reinterpret_cast<Name*>(names_.bytes());
  name_count_ = 0;
  for (std::size_t place = 0; place < read_size_;) {
    const auto* record = reinterpret_cast<const Record*>(read_.bytes() + place);
    names[name_count_++] = {directory_position(record->name, seed_), static_cast<std::uint32_t>(place)};
    place += record->size;
  }
  std::sort(names, names + name_count_, [this](const Name& a, const Name& b) {
    return a.position != b.position ? a.position < b.position : std::strcmp(name_of(a), name_of(b)) < 0;
  });
  return true;
}

/// After the last name of the first one's position.
std::size_t OrderedDirectories::group_end(std::size_t first) const noexcept {
  const auto* names = reinterpret_cast<const Name*>(names_.bytes());
  std::size_t end = first + 1;
  while (end < name_count_ && names[end].position == names[first].position) ++end;
  return end;
}

/// Puts as many names into `written_` as fit `size`, and what is to come into `next_`. 0 at the end, with errno 0, and
/// when the first does not fit.
std::size_t OrderedDirectories::write_from(std::uint32_t position, std::size_t size) noexcept {
  const auto* names = reinterpret_cast<const Name*>(names_.bytes());
  std::size_t at = 0;
  while (at < name_count_ && names[at].position < position) ++at;
  if (!written_.reserve(std::min(size, read_size_) + 1)) return 0;
  errno = at == name_count_ ? 0 : EINVAL;
  std::size_t used = 0;
  while (at < name_count_) {
    const auto end = group_end(at);
    std::size_t group = 0;
    for (auto i = at; i < end; ++i)
      group += reinterpret_cast<const Record*>(name_of(names[i]) - offsetof(Record, name))->size;
    if (group > size - used) break;
    next_ = end == name_count_ ? end_of_directory : names[end].position;
    for (; at < end; ++at) {
      auto* target = reinterpret_cast<Record*>(written_.bytes() + used);
      const auto* source = reinterpret_cast<const Record*>(read_.bytes() + names[at].record);
      std::memcpy(target, source, source->size);
      target->next = next_;
      used += source->size;
    }
  }
  return used;
}

}  // namespace karapace::init
