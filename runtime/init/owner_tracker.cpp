// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/owner_tracker.hpp"

#include <cerrno>
#include <cstring>

#include <sys/ioctl.h>

#include "runtime/init/owner_call.hpp"
#include "runtime/init/owner_lookup.hpp"
#include "runtime/init/owner_query.hpp"
#include "runtime/init/owner_record.hpp"

namespace karapace::init {
namespace {

/// Newer kernels may fill in more than this version's structures.
template <class Message>
union Roomy {
  Message message;
  char room[512];
};

struct Answer {
  bool goes_on = false;  // into the kernel, as if nobody had asked
  int error = 0;
};

Answer answer_query(const seccomp_notif& notification, int listener, const OwnerQuery& query) noexcept {
  const auto pid = static_cast<pid_t>(notification.pid);
  const FoundFile found = find_as(pid, query.file);
  if (found.error != 0) return {.goes_on = true};
  const Owner owner = recorded_owner(found.file.get());
  if (owner.uid == 0 && owner.gid == 0) return {.goes_on = true};
  auto id = notification.id;
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) != 0) return {.error = ESRCH};
  return {.error = answer_owner_query(pid, query, found.file.get(), owner.uid, owner.gid)};
}

int change_owner(const seccomp_notif& notification, int listener, const OwnerCall& call) noexcept {
  const FoundFile found = find_as(static_cast<pid_t>(notification.pid), call);
  if (found.error != 0) return found.error;
  // Only now is it certain that the look-up was in the caller's view and not in that of a process with a reused id.
  auto id = notification.id;
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) != 0) return ESRCH;
  return record_owner(found.file.get(), call.uid, call.gid);
}

Answer carry_out(const seccomp_notif& notification, int listener) noexcept {
  if (const auto query = decode_owner_query(notification.data)) return answer_query(notification, listener, *query);
  if (const auto call = decode_owner_call(notification.data))
    return {.error = change_owner(notification, listener, *call)};
  return {.goes_on = true};  // a question in a foreign calling convention: the owner on disk
}

}  // namespace

void OwnerTracker::answer() noexcept {
  Roomy<seccomp_notif> notification{};
  std::memset(&notification, 0, sizeof notification);
  if (::ioctl(listener_, SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0) return;
  Roomy<seccomp_notif_resp> response{};
  std::memset(&response, 0, sizeof response);
  response.message.id = notification.message.id;
  const Answer answer = carry_out(notification.message, listener_);
  response.message.error = -answer.error;
  if (answer.goes_on) response.message.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

}  // namespace karapace::init
