// SPDX-License-Identifier: Apache-2.0
#include "base/waiting.hpp"

#include <cerrno>
#include <thread>
#include <utility>

#include <sys/file.h>

namespace karapace {
namespace {

using namespace std::chrono_literals;
constexpr auto moment = 2ms;
constexpr auto before_a_word = 2s;

}  // namespace

Waiting::Waiting(std::chrono::seconds patience, std::string what, Notice notice)
    : patience_(patience), what_(std::move(what)), notice_(std::move(notice)) {}

bool Waiting::go_on() {
  const auto now = Clock::now();
  if (now - begin_ >= patience_) return false;
  if (notice_ && now - first_ >= before_a_word) std::exchange(notice_, nullptr)("waiting for " + what_);
  std::this_thread::sleep_for(moment);
  return true;
}

void Waiting::begin_anew() { begin_ = Clock::now(); }

bool lock_patiently(int fd, int operation, Waiting& waiting) {
  while (::flock(fd, operation | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return false;
    if (!waiting.go_on()) return errno = EWOULDBLOCK, false;
  }
  return true;
}

}  // namespace karapace
