// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/report.hpp"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

namespace karapace::init {
namespace {

void copy(char* target, std::size_t size, const char* text) noexcept {
  const auto length = strnlen(text, size - 1);
  std::memcpy(target, text, length);
  target[length] = '\0';
}

void send_report(int socket, const Report& report, int fd) noexcept {
  iovec bytes{const_cast<Report*>(&report), sizeof report};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  while (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

}  // namespace

void Reporter::fail(const char* stage, const char* object) const noexcept { fail(stage, object, errno); }

void Reporter::fail(const char* stage, const char* object, int error) const noexcept {
  Report report;
  report.kind = Report::Kind::failure;
  report.error = error;
  copy(report.stage, sizeof report.stage, stage);
  copy(report.object, sizeof report.object, object);
  send_report(socket_, report, -1);
  ::_exit(1);
}

void Reporter::tell(Report::Kind kind) const noexcept { tell_with(kind, -1); }

void Reporter::tell_with(Report::Kind kind, int fd) const noexcept {
  Report report;
  report.kind = kind;
  send_report(socket_, report, fd);
}

void Reporter::finished(std::uint32_t command, int status) const noexcept {
  Report report;
  report.kind = Report::Kind::finished;
  report.command = command;
  report.status = status;
  send_report(socket_, report, -1);
}

void Reporter::not_started(std::uint32_t command, int error, const char* object) const noexcept {
  Report report;
  report.kind = Report::Kind::not_started;
  report.command = command;
  report.error = error;
  copy(report.object, sizeof report.object, object);
  send_report(socket_, report, -1);
}

}  // namespace karapace::init
