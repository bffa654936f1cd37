// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/report_reader.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.hpp"

namespace karapace::sandbox {
namespace {

using init::Report;

[[noreturn]] void refuse(std::string_view what) {
  throw SandboxError(fmt::format("sandbox: process 1 sent a report that it may not send: {}", what));
}

void end_texts(Report& report) {
  report.stage[sizeof report.stage - 1] = '\0';
  report.object[sizeof report.object - 1] = '\0';
}

/// The descriptor of the only control message, whatever its kind; more are dropped by the kernel for want of room.
Fd attached_descriptor(msghdr& message) {
  Fd attached;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    if (header->cmsg_len != CMSG_LEN(sizeof(int))) continue;
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    attached = Fd(fd);
  }
  return attached;
}

}  // namespace

std::optional<ReportReader::Heard> ReportReader::hear() {
  char bytes[sizeof(Report) + 1];
  iovec place{bytes, sizeof bytes};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &place;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count == 0 || (count < 0 && errno == ECONNRESET)) return std::nullopt;
  if (count < 0) throw SandboxError(errno_message("sandbox: cannot hear from process 1", errno));
  Fd attached = attached_descriptor(message);
  if ((message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) refuse("it is too large");
  return accept(bytes, static_cast<std::size_t>(count), std::move(attached));
}

ReportReader::Heard ReportReader::accept(const char* bytes, std::size_t size, Fd attached) {
  Heard heard;
  if (size != sizeof heard.report) refuse("its size is wrong");
  std::memcpy(&heard.report, bytes, sizeof heard.report);
  end_texts(heard.report);
  check_order(heard.report);
  const bool wants_descriptor = heard.report.kind == Report::Kind::terminal;
  if (wants_descriptor != static_cast<bool>(attached)) refuse("its descriptor");
  unsigned number = 0;
  if (attached && ::ioctl(attached.get(), TIOCGPTN, &number) != 0) refuse("its descriptor is no terminal's master");
  heard.attached = std::move(attached);
  return heard;
}

void ReportReader::check_order(const Report& report) {
  if (failed_ || (finished_ == rules_.commands && ready_)) refuse("nothing may follow");
  switch (report.kind) {
    case Report::Kind::failure: failed_ = true; return;
    case Report::Kind::fuse:
      if (!rules_.may_ask_for_fuse || asked_for_fuse_ || sent_terminal_ || ready_) refuse("a FUSE server");
      asked_for_fuse_ = true;
      return;
    case Report::Kind::terminal:
      if (!rules_.may_send_terminal || sent_terminal_ || ready_) refuse("a terminal");
      sent_terminal_ = true;
      return;
    case Report::Kind::ready:
      if (ready_ || sent_terminal_ != rules_.may_send_terminal) refuse("ready");
      ready_ = true;
      return;
    case Report::Kind::not_started:
      if (!ready_ || report.command != finished_ || not_started_ > finished_) refuse("not started");
      not_started_ = finished_ + 1;
      return;
    case Report::Kind::finished:
      if (!ready_ || report.command != finished_ || report.status < 0 || report.status > 255) refuse("finished");
      ++finished_;
      return;
  }
  refuse("its kind is unknown");
}

}  // namespace karapace::sandbox
