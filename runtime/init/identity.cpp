// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/identity.hpp"

#include <cerrno>
#include <cstring>
#include <initializer_list>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/sys/syscalls.hpp"

namespace karapace::init {

namespace {

constexpr Identity root{};

bool is_id(std::uint32_t id) noexcept { return id <= Identity::largest_id; }
bool is_id_or_unchanged(std::uint32_t id) noexcept { return is_id(id) || id == Identity::unchanged; }

/// Whether a process without privileges may take `id` for one of these.
bool may_take(const Identity& identity, std::uint32_t id, std::initializer_list<std::uint32_t> own) noexcept {
  if (identity.has_capabilities || id == Identity::unchanged) return true;
  for (const auto known : own)
    if (known == id) return true;
  return false;
}

std::uint32_t changed(std::uint32_t before, std::uint32_t id) noexcept {
  return id == Identity::unchanged ? before : id;
}

/// capabilities(7): they go with the last of root's ids, and with the effective one while root is still the saved one.
void follow_user(Identity& identity) noexcept {
  identity.has_capabilities =
      identity.user.effective == 0 || (identity.has_capabilities && identity.keeps_capabilities);
}

int prlimit(pid_t process, const rlimit64* next, rlimit64* before) noexcept {
  constexpr long unused_limit = 10;  // RLIMIT_LOCKS
  return static_cast<int>(::syscall(SYS_prlimit64, process, unused_limit, next, before, 0, sys::own_call));
}

}  // namespace

bool Identity::has_group(std::uint32_t id) const noexcept {
  if (group.file_system == id) return true;
  for (std::uint32_t i = 0; i < groups; ++i)
    if (group_ids[i] == id) return true;
  return false;
}

bool Identity::operator==(const Identity& other) const noexcept {
  return keeps_capabilities == other.keeps_capabilities && has_capabilities == other.has_capabilities &&
         user == other.user && group == other.group && groups == other.groups &&
         std::memcmp(group_ids, other.group_ids, groups * sizeof *group_ids) == 0;
}

int set_ids(Identity& identity, IdSet Identity::* kind, std::uint32_t id) noexcept {
  IdSet& ids = identity.*kind;
  if (!is_id(id)) return EINVAL;
  if (!may_take(identity, id, {ids.real, ids.saved})) return EPERM;
  if (identity.has_capabilities) ids.real = ids.saved = id;
  ids.effective = ids.file_system = id;
  follow_user(identity);
  return 0;
}

int set_real_and_effective(Identity& identity, IdSet Identity::* kind, std::uint32_t real,
                           std::uint32_t effective) noexcept {
  IdSet& ids = identity.*kind;
  if (!is_id_or_unchanged(real) || !is_id_or_unchanged(effective)) return EINVAL;
  if (!may_take(identity, real, {ids.real, ids.effective})) return EPERM;
  if (!may_take(identity, effective, {ids.real, ids.effective, ids.saved})) return EPERM;
  const bool saves = real != Identity::unchanged || (effective != Identity::unchanged && effective != ids.real);
  ids.real = changed(ids.real, real);
  ids.effective = ids.file_system = changed(ids.effective, effective);
  if (saves) ids.saved = ids.effective;
  follow_user(identity);
  return 0;
}

int set_all(Identity& identity, IdSet Identity::* kind, std::uint32_t real, std::uint32_t effective,
            std::uint32_t saved) noexcept {
  IdSet& ids = identity.*kind;
  for (const auto id : {real, effective, saved}) {
    if (!is_id_or_unchanged(id)) return EINVAL;
    if (!may_take(identity, id, {ids.real, ids.effective, ids.saved})) return EPERM;
  }
  ids.real = changed(ids.real, real);
  ids.effective = ids.file_system = changed(ids.effective, effective);
  ids.saved = changed(ids.saved, saved);
  follow_user(identity);
  return 0;
}

std::uint32_t set_file_system_id(Identity& identity, IdSet Identity::* kind, std::uint32_t id) noexcept {
  IdSet& ids = identity.*kind;
  const auto before = ids.file_system;
  if (is_id(id) && may_take(identity, id, {ids.real, ids.effective, ids.saved, ids.file_system})) ids.file_system = id;
  return before;
}

void execute(Identity& identity) noexcept {
  identity.keeps_capabilities = false;
  follow_user(identity);
  identity.user.saved = identity.user.effective;
  identity.group.saved = identity.group.effective;
}

int set_groups(Identity& identity, const std::uint32_t* ids, std::size_t count) noexcept {
  if (!identity.has_capabilities) return EPERM;
  if (count > Identity::most_groups) return EINVAL;
  for (std::size_t i = 0; i < count; ++i)
    if (!is_id(ids[i])) return EINVAL;
  std::memcpy(identity.group_ids, ids, count * sizeof *ids);
  identity.groups = static_cast<std::uint32_t>(count);
  return 0;
}

const Identity& Identities::of(pid_t process) const noexcept {
  rlimit64 limit{};
  const bool has_one = prlimit(process, nullptr, &limit) == 0 && limit.rlim_cur < count_;
  return has_one ? known_[limit.rlim_cur] : root;
}

int Identities::give(pid_t process, const Identity& identity) noexcept {
  rlimit64 limit{};
  if (prlimit(process, nullptr, &limit) != 0) return errno;
  if (limit.rlim_max < capacity) return EPERM;
  if (identity == root) {
    limit.rlim_cur = limit.rlim_max;
    return prlimit(process, &limit, nullptr) == 0 ? 0 : errno;
  }
  std::size_t index = 0;
  while (index < count_ && !(known_[index] == identity)) ++index;
  if (index == capacity) return EAGAIN;
  if (index == count_) known_[count_++] = identity;
  limit.rlim_cur = index;
  return prlimit(process, &limit, nullptr) == 0 ? 0 : errno;
}

}  // namespace karapace::init
