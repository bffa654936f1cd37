// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstddef>

#include <linux/audit.h>
#include <linux/prctl.h>
#include <sys/uio.h>

#include "runtime/init/identity.hpp"

namespace karapace::init {

namespace {

using Form = IdentityCall::Form;

/// The numbers of one pair of calls, for users and for groups. i386 and ARM have the same ones.
struct Numbers {
  Form form;
  IdSet Identity::* kind;
  int x86_64;
  int aarch64;
  int narrow;  // i386 and ARM, 16 bits
  int wide;    // i386 and ARM, 32 bits
};

constexpr int none = -1;
constexpr Numbers numbers[] = {
    {Form::get_real, &Identity::user, 102, 174, 24, 199},
    {Form::get_real, &Identity::group, 104, 176, 47, 200},
    {Form::get_effective, &Identity::user, 107, 175, 49, 201},
    {Form::get_effective, &Identity::group, 108, 177, 50, 202},
    {Form::get_all, &Identity::user, 118, 148, 165, 209},
    {Form::get_all, &Identity::group, 120, 150, 171, 211},
    {Form::get_groups, &Identity::group, 115, 158, 80, 205},
    {Form::set, &Identity::user, 105, 146, 23, 213},
    {Form::set, &Identity::group, 106, 144, 46, 214},
    {Form::set_two, &Identity::user, 113, 145, 70, 203},
    {Form::set_two, &Identity::group, 114, 143, 71, 204},
    {Form::set_all, &Identity::user, 117, 147, 164, 208},
    {Form::set_all, &Identity::group, 119, 149, 170, 210},
    {Form::set_file_system, &Identity::user, 122, 151, 138, 215},
    {Form::set_file_system, &Identity::group, 123, 152, 139, 216},
    {Form::set_groups, &Identity::group, 116, 159, 81, 206},
    {Form::control, &Identity::user, 157, 167, none, 172},  // prctl(2)
    {Form::execute, &Identity::user, 59, 221, none, 11},    // execve(2)
    {Form::execute, &Identity::user, 322, 281, none, 358},  // execveat(2)
};

struct Match {
  bool found = false;
  bool is_narrow = false;
};

Match match(const Numbers& known, const seccomp_data& call) noexcept {
  switch (call.arch) {
    case AUDIT_ARCH_X86_64: return {call.nr == known.x86_64};
    case AUDIT_ARCH_AARCH64: return {call.nr == known.aarch64};
    case AUDIT_ARCH_I386:
    case AUDIT_ARCH_ARM: return {call.nr == known.wide || call.nr == known.narrow, call.nr == known.narrow};
    default: return {};
  }
}

std::uint32_t id(const IdentityCall& call, int argument) noexcept {
  const auto value = call.arguments[argument];
  if (!call.is_narrow) return static_cast<std::uint32_t>(value);
  const auto low = static_cast<std::uint16_t>(value);
  return low == 0xffff ? Identity::unchanged : low;
}

bool copy_out(pid_t caller, std::uint64_t address, const void* bytes, std::size_t size) noexcept {
  iovec here{const_cast<void*>(bytes), size};
  iovec there{reinterpret_cast<void*>(address), size};
  return ::process_vm_writev(caller, &here, 1, &there, 1, 0) == static_cast<ssize_t>(size);
}

bool write_id(pid_t caller, const IdentityCall& call, std::uint64_t address, std::uint32_t value) noexcept {
  const auto low = static_cast<std::uint16_t>(value);
  return call.is_narrow ? copy_out(caller, address, &low, sizeof low) : copy_out(caller, address, &value, sizeof value);
}

int write_all(pid_t caller, const IdentityCall& call, const IdSet& ids) noexcept {
  const bool written = write_id(caller, call, call.arguments[0], ids.real) &&
                       write_id(caller, call, call.arguments[1], ids.effective) &&
                       write_id(caller, call, call.arguments[2], ids.saved);
  return written ? 0 : EFAULT;
}

IdentityAnswer write_groups(pid_t caller, const IdentityCall& call, const Identity& identity) noexcept {
  const auto room = static_cast<std::int32_t>(call.arguments[0]);
  if (room < 0) return {EINVAL};
  if (room == 0) return {0, identity.groups};
  if (static_cast<std::uint32_t>(room) < identity.groups) return {EINVAL};
  const std::uint64_t width = call.is_narrow ? sizeof(std::uint16_t) : sizeof(std::uint32_t);
  for (std::uint32_t i = 0; i < identity.groups; ++i)
    if (!write_id(caller, call, call.arguments[1] + i * width, identity.group_ids[i])) return {EFAULT};
  return {0, identity.groups};
}

bool copy_in(pid_t caller, std::uint64_t address, void* bytes, std::size_t size) noexcept {
  if (size == 0) return true;
  iovec here{bytes, size};
  iovec there{reinterpret_cast<void*>(address), size};
  return ::process_vm_readv(caller, &here, 1, &there, 1, 0) == static_cast<ssize_t>(size);
}

int take_groups(pid_t caller, const IdentityCall& call, Identity& identity) noexcept {
  const auto count = static_cast<std::size_t>(static_cast<std::uint32_t>(call.arguments[0]));
  std::uint32_t ids[Identity::most_groups] = {};
  if (count > Identity::most_groups) return identity.has_capabilities ? EINVAL : EPERM;
  if (!call.is_narrow) {
    if (!copy_in(caller, call.arguments[1], ids, count * sizeof *ids)) return EFAULT;
  } else {
    std::uint16_t narrow[Identity::most_groups] = {};
    if (!copy_in(caller, call.arguments[1], narrow, count * sizeof *narrow)) return EFAULT;
    for (std::size_t i = 0; i < count; ++i) ids[i] = narrow[i];
  }
  return set_groups(identity, ids, count);
}

IdentityAnswer control(const IdentityCall& call, Identity& identity) noexcept {
  if (call.arguments[0] == PR_SET_KEEPCAPS && call.arguments[1] <= 1)
    identity.keeps_capabilities = call.arguments[1] == 1;
  return {.goes_on = true};
}

}  // namespace

std::optional<IdentityCall> decode_identity_call(const seccomp_data& call) noexcept {
  for (const auto& known : numbers) {
    const Match found = match(known, call);
    if (!found.found) continue;
    return IdentityCall{known.form, known.kind, found.is_narrow, {call.args[0], call.args[1], call.args[2]}};
  }
  return std::nullopt;
}

IdentityAnswer answer_identity_call(pid_t caller, const IdentityCall& call, Identity& identity) noexcept {
  const IdSet& ids = identity.*call.kind;
  switch (call.form) {
    case Form::get_real: return {0, ids.real};
    case Form::get_effective: return {0, ids.effective};
    case Form::get_all: return {write_all(caller, call, ids)};
    case Form::get_groups: return write_groups(caller, call, identity);
    case Form::set: return {set_ids(identity, call.kind, id(call, 0))};
    case Form::set_two: return {set_real_and_effective(identity, call.kind, id(call, 0), id(call, 1))};
    case Form::set_all: return {set_all(identity, call.kind, id(call, 0), id(call, 1), id(call, 2))};
    case Form::set_file_system: return {0, set_file_system_id(identity, call.kind, id(call, 0))};
    case Form::set_groups: return {take_groups(caller, call, identity)};
    case Form::control: return control(call, identity);
    case Form::execute: return execute(identity), IdentityAnswer{.goes_on = true};
  }
  return {ENOSYS};
}

}  // namespace karapace::init
