// SPDX-License-Identifier: Apache-2.0
// Reads directories in the ways that C libraries and programs without one do, inside a sandbox. Static, so that no
// library could have a hand in it. Prints the names.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

void print(const char* what, const std::vector<std::string>& names) {
  std::printf("%s:", what);
  for (const auto& name : names) std::printf(" %s", name.c_str());
  std::printf("\n");
}

/// All names by getdents64(2) with a buffer of this size; `between` is called after each call.
std::vector<std::string> read_raw(
    int fd, std::size_t size,
    const std::function<void(const std::vector<std::string>&)>& between = [](const auto&) {}) {
  std::vector<std::string> names;
  std::vector<char> buffer(size);
  long count = 0;
  while ((count = ::syscall(SYS_getdents64, fd, buffer.data(), buffer.size())) > 0) {
    for (long place = 0; place < count;) {
      unsigned short length = 0;
      std::memcpy(&length, buffer.data() + place + 16, sizeof length);
      names.emplace_back(buffer.data() + place + 19);
      place += length;
    }
    between(names);
  }
  if (count < 0) names.emplace_back(std::strerror(errno));
  return names;
}

int opened(const char* path) { return ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

std::vector<std::string> by_library(const char* path) {
  std::vector<std::string> names;
  DIR* stream = ::opendir(path);
  while (const dirent* entry = ::readdir(stream)) names.emplace_back(entry->d_name);
  ::closedir(stream);
  return names;
}

/// telldir(3) of every name, then each again from there.
void seek(const char* path) {
  DIR* stream = ::opendir(path);
  std::vector<std::pair<long, std::string>> places;
  for (long place = ::telldir(stream); const dirent* entry = ::readdir(stream); place = ::telldir(stream))
    places.emplace_back(place, entry->d_name);
  std::reverse(places.begin(), places.end());
  std::size_t same = 0;
  for (const auto& [place, name] : places) {
    ::seekdir(stream, place);
    const dirent* entry = ::readdir(stream);
    if (entry != nullptr && name == entry->d_name) ++same;
  }
  ::rewinddir(stream);
  const dirent* first = ::readdir(stream);
  std::printf("seek: %zu of %zu, then %s\n", same, places.size(), first != nullptr ? first->d_name : "nothing");
  ::closedir(stream);
}

void make_file(const std::string& directory, const std::string& name) {
  ::close(::open((directory + "/" + name).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
}

void make(const std::string& directory, int count) {
  ::mkdir(directory.c_str(), 0755);
  for (int i = 0; i < count; ++i) make_file(directory, "name" + std::to_string(i));
}

/// Every name once, though those that were read are removed and others added meanwhile.
void change_while_reading() {
  constexpr int count = 1000;
  make("/changing", count);
  const int fd = opened("/changing");
  std::size_t removed = 0;
  int added = 0;
  auto names = read_raw(fd, 1000, [&](const auto& so_far) {
    for (; removed < so_far.size(); ++removed) ::unlinkat(fd, so_far[removed].c_str(), 0);
    make_file("/changing", "added" + std::to_string(added++));
  });
  const auto of_before = std::count_if(names.begin(), names.end(), [](const auto& n) { return n.starts_with("name"); });
  std::sort(names.begin(), names.end());
  const bool twice = std::adjacent_find(names.begin(), names.end()) != names.end();
  std::printf("changing: %ld of %d%s\n", static_cast<long>(of_before), count, twice ? ", some twice" : "");
}

/// A description that two processes share has one position.
void share(const char* path) {
  const int fd = opened(path);
  std::vector<char> buffer(64);  // two or three names
  ::syscall(SYS_getdents64, fd, buffer.data(), buffer.size());
  if (const pid_t pid = ::fork(); pid == 0) {
    print("child", read_raw(fd, 4096));
    ::_exit(0);
  } else {
    ::waitpid(pid, nullptr, 0);
  }
  print("parent", read_raw(fd, 4096));
}

void fail() {
  char buffer[16];
  const int directory = opened("/some");
  const auto told = [&](const char* what, int fd, void* place, std::size_t size) {
    const long count = ::syscall(SYS_getdents64, fd, place, size);
    std::printf("%s: %s\n", what, count < 0 ? std::strerror(errno) : "done");
  };
  told("small", directory, buffer, sizeof buffer);
  told("nowhere", directory, nullptr, 4096);
  print("after", read_raw(directory, 4096));
  told("closed", 1000, buffer, sizeof buffer);
  told("file", ::open("/some/d", O_RDONLY | O_CLOEXEC), buffer, sizeof buffer);
}

}  // namespace

int main() {
  ::setvbuf(stdout, nullptr, _IOLBF, 0);
  ::mkdir("/some", 0755);
  ::mkdir("/merged", 0755);
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h"}) make_file("/some", name);
  for (const char* name : {"a", "c", "e", "g"}) make_file("/merged", name);
  print("library", by_library("/some"));
  print("large", read_raw(opened("/some"), 1 << 20));
  print("small", read_raw(opened("/some"), 24));
  std::thread([] { print("thread", read_raw(opened("/some"), 100)); }).join();
  print("merged", by_library("/merged"));
  seek("/some");
  change_while_reading();
  share("/some");
  fail();
  return 0;
}
