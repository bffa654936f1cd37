// SPDX-License-Identifier: Apache-2.0
// secret.*: what tells about the caller: variables, memory, paths, names. docker and podman handed on too much
// (CVE-2020-14370, CVE-2021-21261); in a step it would be baked into a layer for everybody.
#include <cstdlib>

#include <climits>
#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "attempt.hpp"

extern char** environ;

namespace karapace::probe {
namespace {

Outcome own_variables(const Facts& facts) {
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (std::string_view(*variable).find(facts.secret()) != std::string_view::npos) return allowed(*variable);
  return contained();
}

/// Looks through every readable mapping of process 1.
Outcome memory_of_process_one(const Facts& facts) {
  const int memory = ::open("/proc/1/mem", O_RDONLY | O_CLOEXEC);
  if (memory < 0) return failed();
  const auto secret = facts.secret();
  const auto map = read_text("/proc/1/maps").bytes;
  for (std::size_t begin = 0; begin < map.size(); begin = map.find('\n', begin) + 1) {
    unsigned long first = 0;
    unsigned long last = 0;
    if (std::sscanf(map.c_str() + begin, "%lx-%lx r", &first, &last) != 2 || last - first > (64UL << 20)) continue;
    std::string bytes(last - first, '\0');
    const auto count = ::pread(memory, bytes.data(), bytes.size(), static_cast<off_t>(first));
    if (count > 0 && bytes.find(secret) != std::string::npos) return allowed("found");
  }
  return contained();
}

/// Any file of any process that is seen.
Outcome variables_of_others(const Facts& facts) {
  for (const auto& name : names_in("/proc"))
    if (name.find_first_not_of("0123456789") == std::string::npos)
      if (search_attempt("/proc/" + name + "/environ", facts.secret()).result == Result::allowed) return allowed(name);
  return contained();
}

Outcome host_name(const Facts& facts) {
  utsname names{};
  ::uname(&names);
  return facts.at("host-name") == names.nodename ? allowed(names.nodename) : contained(names.nodename);
}

Outcome no_link_to_store(const Facts& facts) {
  char target[PATH_MAX];
  for (const char* link : {"/proc/self/exe", "/proc/self/root", "/proc/self/cwd", "/proc/self/fd/0", "/proc/self/fd/1",
                           "/proc/self/fd/2"}) {
    const auto length = ::readlink(link, target, sizeof target);
    if (length > 0 &&
        std::string_view(target, static_cast<std::size_t>(length)).find(facts.at("store")) != std::string_view::npos)
      return allowed(link);
  }
  return contained();
}

}  // namespace

Attempts secret_attempts() {
  return {
      {"secret.own-variables", own_variables},
      {"secret.variables-of-process-one",
       [](const Facts& facts) { return search_attempt("/proc/1/environ", facts.secret()); }},
      {"secret.memory-of-process-one", memory_of_process_one},
      {"secret.variables-of-others", variables_of_others},
      {"secret.words-of-process-one",
       [](const Facts& facts) { return search_attempt("/proc/1/cmdline", facts.secret()); }},
      {"secret.name-of-process-one",
       [](const Facts& facts) { return search_attempt("/proc/1/comm", facts.at("store")); }},
      {"secret.store-in-mounts",
       [](const Facts& facts) { return search_attempt("/proc/self/mountinfo", facts.at("store")); }},
      {"secret.store-in-links", no_link_to_store},
      {"secret.home-in-mounts",
       [](const Facts& facts) { return search_attempt("/proc/self/mountinfo", facts.at("home")); }},
      {"secret.host-name", host_name},
      {"secret.machine-id",
       [](const Facts& facts) { return search_attempt("/etc/machine-id", facts.at("machine-id")); }},
  };
}

}  // namespace karapace::probe
