// SPDX-License-Identifier: Apache-2.0
// ipc.*: System V and POSIX objects of the host. They belong to the same user, so only the namespace keeps them apart.
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

key_t key_of(const Facts& facts) { return static_cast<key_t>(facts.number("ipc-key")); }

/// A key of ten digits, as the kernel prints it.
Outcome has_entries(const char* path, const Facts& facts) { return search_attempt(path, facts.at("ipc-key") + " "); }

}  // namespace

Attempts ipc_attempts() {
  return {
      {"ipc.shared-memory", [](const Facts& facts) { return judged(::shmget(key_of(facts), 0, 0)); }},
      {"ipc.message-queue", [](const Facts& facts) { return judged(::msgget(key_of(facts), 0)); }},
      {"ipc.semaphores", [](const Facts& facts) { return judged(::semget(key_of(facts), 0, 0)); }},
      {"ipc.shared-memory-by-id",
       [](const Facts& facts) {
         const void* memory = ::shmat(facts.number("ipc-id"), nullptr, SHM_RDONLY);
         return memory == reinterpret_cast<void*>(-1) ? Outcome{Result::absent, "no such id"} : allowed();
       }},
      {"ipc.list-shared-memory", [](const Facts& facts) { return has_entries("/proc/sysvipc/shm", facts); }},
      {"ipc.list-message-queues", [](const Facts& facts) { return has_entries("/proc/sysvipc/msg", facts); }},
      {"ipc.list-semaphores", [](const Facts& facts) { return has_entries("/proc/sysvipc/sem", facts); }},
      {"ipc.posix-memory", [](const Facts& facts) { return read_attempt("/dev/shm/" + facts.at("ipc-name")); }},
      {"ipc.posix-queue",
       [](const Facts& facts) {
         return judged(::syscall(SYS_mq_open, facts.at("ipc-name").c_str(), O_RDWR, 0, nullptr));
       }},
      {"ipc.list-posix-queues",
       [](const Facts& facts) { return judged(::access(("/dev/mqueue/" + facts.at("ipc-name")).c_str(), F_OK)); }},
  };
}

}  // namespace karapace::probe
