// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/owner_call.hpp"

#include <fcntl.h>
#include <linux/audit.h>

namespace karapace::init {
namespace {

enum class Form { chown, lchown, fchown, fchownat };
enum class IdWidth { bits_16, bits_32 };

struct Number {
  std::uint32_t architecture;
  int number;
  Form form;
  IdWidth width;
};

constexpr Number numbers[] = {
    {AUDIT_ARCH_X86_64, 92, Form::chown, IdWidth::bits_32},
    {AUDIT_ARCH_X86_64, 93, Form::fchown, IdWidth::bits_32},
    {AUDIT_ARCH_X86_64, 94, Form::lchown, IdWidth::bits_32},
    {AUDIT_ARCH_X86_64, 260, Form::fchownat, IdWidth::bits_32},
    {AUDIT_ARCH_I386, 16, Form::lchown, IdWidth::bits_16},
    {AUDIT_ARCH_I386, 95, Form::fchown, IdWidth::bits_16},
    {AUDIT_ARCH_I386, 182, Form::chown, IdWidth::bits_16},
    {AUDIT_ARCH_I386, 198, Form::lchown, IdWidth::bits_32},
    {AUDIT_ARCH_I386, 207, Form::fchown, IdWidth::bits_32},
    {AUDIT_ARCH_I386, 212, Form::chown, IdWidth::bits_32},
    {AUDIT_ARCH_I386, 298, Form::fchownat, IdWidth::bits_32},
    {AUDIT_ARCH_AARCH64, 54, Form::fchownat, IdWidth::bits_32},
    {AUDIT_ARCH_AARCH64, 55, Form::fchown, IdWidth::bits_32},
    {AUDIT_ARCH_ARM, 16, Form::lchown, IdWidth::bits_16},
    {AUDIT_ARCH_ARM, 95, Form::fchown, IdWidth::bits_16},
    {AUDIT_ARCH_ARM, 182, Form::chown, IdWidth::bits_16},
    {AUDIT_ARCH_ARM, 198, Form::lchown, IdWidth::bits_32},
    {AUDIT_ARCH_ARM, 207, Form::fchown, IdWidth::bits_32},
    {AUDIT_ARCH_ARM, 212, Form::chown, IdWidth::bits_32},
    {AUDIT_ARCH_ARM, 325, Form::fchownat, IdWidth::bits_32},
};

std::uint32_t id(std::uint64_t argument, IdWidth width) noexcept {
  if (width == IdWidth::bits_32) return static_cast<std::uint32_t>(argument);
  const auto low = static_cast<std::uint16_t>(argument);
  return low == 0xffff ? OwnerCall::unchanged : low;
}

}  // namespace

std::optional<OwnerCall> decode_owner_call(const seccomp_data& call) noexcept {
  for (const auto& known : numbers) {
    if (known.architecture != call.arch || known.number != call.nr) continue;
    OwnerCall result;
    const auto* ids = call.args + (known.form == Form::fchownat ? 2 : 1);
    result.uid = id(ids[0], known.width);
    result.gid = id(ids[1], known.width);
    result.file.directory = AT_FDCWD;
    if (known.form == Form::fchown || known.form == Form::fchownat)
      result.file.directory = static_cast<int>(call.args[0]);
    if (known.form == Form::fchown) return result;
    result.file.path = call.args[known.form == Form::fchownat ? 1 : 0];
    result.file.follows = known.form != Form::lchown;
    if (known.form != Form::fchownat) return result;
    result.file.follows = (call.args[4] & AT_SYMLINK_NOFOLLOW) == 0;
    result.file.may_be_empty = (call.args[4] & AT_EMPTY_PATH) != 0;
    return result;
  }
  return std::nullopt;
}

}  // namespace karapace::init
