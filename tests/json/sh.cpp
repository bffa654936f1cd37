// SPDX-License-Identifier: Apache-2.0
// What a set-up runs as /bin/sh in an image that has nothing else: writes other bytes each time; fails, or waits for
// three seconds, when asked to.
#include <cstdio>
#include <cstring>
#include <ctime>

#include <unistd.h>

int main(int argc, char** argv) {
  if (argc > 1 && std::strstr(argv[argc - 1], "fail") != nullptr) return std::puts("as asked"), 7;
  if (argc > 1 && std::strstr(argv[argc - 1], "wait") != nullptr) ::sleep(3);
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::FILE* file = std::fopen("/etc/stamp", "w");
  if (file == nullptr) return 1;
  std::fprintf(file, "%lld\n", static_cast<long long>(now.tv_sec) * 1000000000 + now.tv_nsec);
  return std::fclose(file);
}
