// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/owner_tracker.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>

#include "runtime/init/creation.hpp"
#include "runtime/init/identity.hpp"
#include "runtime/init/owner_call.hpp"
#include "runtime/init/owner_record.hpp"

namespace karapace::init {

namespace {

/// Newer kernels may fill in more than this version's structures.
template <class Message>
union Roomy {
  Message message;
  char room[512];
};

CallAnswer answer_query(const Waiting& waiting, const OwnerQuery& query) noexcept {
  const FoundFile found = find_as(waiting.caller, query.file);
  if (found.error != 0) return {.goes_on = true};
  const Owner owner = recorded_owner(found.file.get());
  if (owner.uid == 0 && owner.gid == 0) return {.goes_on = true};
  if (!waiting.still()) return {.error = ESRCH};
  return {.error = answer_owner_query(waiting.caller, query, found.file.get(), owner.uid, owner.gid)};
}

CallAnswer change_owner(const Waiting& waiting, const OwnerCall& call, const Identity& identity) noexcept {
  const FoundFile found = find_as(waiting.caller, call.file);
  if (found.error != 0) return {.error = found.error};
  if (!may_change_owner(found.file.get(), identity, call.uid, call.gid)) return {.error = EPERM};
  // Only now is it certain that the look-up was in the caller's view and not in that of a process with a reused id.
  if (!waiting.still()) return {.error = ESRCH};
  return {.error = record_owner(found.file.get(), call.uid, call.gid)};
}

CallAnswer answer_identity(const Waiting& waiting, const IdentityCall& call, Identities& identities) noexcept {
  const Identity& before = identities.of(waiting.caller);
  Identity identity = before;
  auto [error, value, goes_on] = answer_identity_call(waiting.caller, call, identity);
  if (error == 0 && !(identity == before)) {
    error = waiting.still() ? identities.give(waiting.caller, identity) : ESRCH;
  }
  return {.goes_on = goes_on && error == 0, .error = error, .value = value};
}

CallAnswer create(const Waiting& waiting, const CreationCall& call, const Identity& identity) noexcept {
  auto [goes_on, error, file] = create_for(waiting, call, identity);
  return {goes_on, error, 0, std::move(file), (call.flags & O_CLOEXEC) != 0};
}

CallAnswer read_directory(const Waiting& waiting, const DirectoryCall& call, OrderedDirectories& directories) noexcept {
  const auto [goes_on, error, size] = directories.answer(waiting, call);
  return {.goes_on = goes_on, .error = error, .value = size};
}

/// Gives the caller the file. Not yet answered where the kernel can not do both at once (Linux 5.14).
bool hand_over(const Waiting& waiting, CallAnswer& answer) noexcept {
  seccomp_notif_addfd addition{};
  addition.id = waiting.id;
  addition.flags = SECCOMP_ADDFD_FLAG_SEND;
  addition.srcfd = static_cast<std::uint32_t>(answer.file.get());
  addition.newfd_flags = answer.closes_on_exec ? O_CLOEXEC : 0;
  if (::ioctl(waiting.listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addition) >= 0) return true;
  addition.flags = 0;
  const int fd = errno == EINVAL ? ::ioctl(waiting.listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addition) : -1;
  answer.error = fd < 0 ? errno : 0;
  answer.value = fd;
  return false;
}

}  // namespace

CallAnswer OwnerTracker::carry_out(const Waiting& waiting, const seccomp_data& data) noexcept {
  if (const auto call = decode_directory_call(data)) return read_directory(waiting, *call, directories_);
  if (const auto query = decode_owner_query(data)) return answer_query(waiting, *query);
  if (const auto call = decode_creation_call(waiting.caller, data))
    return create(waiting, *call, identities_.of(waiting.caller));
  if (const auto call = decode_owner_call(data)) return change_owner(waiting, *call, identities_.of(waiting.caller));
  if (const auto call = decode_identity_call(data)) return answer_identity(waiting, *call, identities_);
  return {.goes_on = true};  // a question in a foreign calling convention: the owner on disk
}

void OwnerTracker::answer() noexcept {
  Roomy<seccomp_notif> notification{};
  std::memset(&notification, 0, sizeof notification);
  if (::ioctl(listener_, SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0) return;
  const Waiting waiting{static_cast<pid_t>(notification.message.pid), listener_, notification.message.id};
  CallAnswer answer = carry_out(waiting, notification.message.data);
  if (answer.file && answer.error == 0 && hand_over(waiting, answer)) return;
  Roomy<seccomp_notif_resp> response{};
  std::memset(&response, 0, sizeof response);
  response.message.id = waiting.id;
  response.message.error = -answer.error;
  if (answer.error == 0) response.message.val = answer.value;
  if (answer.goes_on) response.message.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  if (::ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, &response) != 0) directories_.take_back();
  directories_.release();
}

}  // namespace karapace::init
