// SPDX-License-Identifier: Apache-2.0
// The launcher of releases: the program behind every name in a destination's bin/ (docs/releases.md).
//
// It finds its tree by its own real path, resolves the version once to its directory, and becomes the program there: so
// a program that runs never sees a link that is switched under it. Of a version that runs in its environment
// (`run-inside` lies beside its release.json) it becomes `karapace release exec` instead, unless it is there already.
// It is static and needs nothing but the kernel, for it is copied to hosts of which nothing is known; and it allocates
// little, for it runs before every program.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string_view>

#include <climits>
#include <dirent.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/release_word.hpp"
#include "base/semantic_version.hpp"

namespace {

using std::string_view;

constexpr const char* variable = "KARAPACE_RELEASE_VERSION";
constexpr const char* usual_version = "stable";
constexpr const char* inside_mark = "run-inside";  // store::inside_mark_file
constexpr const char* runtime = "karapace";        // found in PATH

const char* program = "karapace launcher";  // the entry point that is meant

/// A path of the file system, or "" when it has no room.
struct Path {
  char text[PATH_MAX] = "";

  void join(string_view directory, string_view name) {
    if (directory.size() + name.size() + 2 > sizeof text) return;
    std::memmove(text, directory.data(), directory.size());
    text[directory.size()] = '/';
    std::memcpy(text + directory.size() + 1, name.data(), name.size());
    text[directory.size() + 1 + name.size()] = '\0';
  }
  void remove_last_part() {
    if (char* slash = std::strrchr(text, '/')) *slash = '\0';
  }
};

/// For terminals: names are whatever a directory or a caller has.
void print_escaped(const char* text) {
  for (; *text != '\0'; ++text) {
    const auto byte = static_cast<unsigned char>(*text);
    if (byte >= 0x20 && byte < 0x7f)
      std::fputc(byte, stderr);
    else
      std::fprintf(stderr, "\\x%02x", byte);
  }
}

/// Each "%s" is the next of the words.
[[noreturn]] void fail(const char* format, const char* first, const char* second = "", const char* third = "") {
  const char* words[] = {first, second, third};
  std::size_t next = 0;
  print_escaped(program);
  std::fputs(": ", stderr);
  for (; *format != '\0'; ++format) {
    if (format[0] == '%' && format[1] == 's' && next < std::size(words)) {
      print_escaped(words[next++]);
      ++format;
    } else {
      std::fputc(*format, stderr);
    }
  }
  std::fputc('\n', stderr);
  std::exit(1);
}

string_view last_part(string_view path) { return path.substr(path.rfind('/') + 1); }

/// Whoever has a link of their own to TREE/bin/NAME, of whatever name, means the program NAME: the link whose target is
/// the launcher has it. What was started in another way keeps the name that it was called by.
void find_program(const char* called) {
  static Path link;
  program = last_part(called).data();
  const auto* started = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  if (started == nullptr || std::strlen(started) >= sizeof link.text) return;
  std::strcpy(link.text, started);
  constexpr int most_links = 40;  // path_resolution(7)
  for (int links = 0; links < most_links; ++links) {
    Path target;
    if (::readlink(link.text, target.text, sizeof target.text - 1) <= 0) return;
    if (last_part(target.text).starts_with(".launcher-")) {
      program = last_part(link.text).data();
      return;
    }
    Path next;
    if (target.text[0] == '/' || std::strchr(link.text, '/') == nullptr) {
      next = target;
    } else {
      link.remove_last_part();
      next.join(link.text, target.text);
    }
    link = next;
  }
}

/// Of the tree that this program lies in: TREE/bin/.launcher-HASH.
void find_versions(Path& versions) {
  Path own;
  const ssize_t size = ::readlink("/proc/self/exe", own.text, sizeof own.text - 1);
  if (size > 0) {
    own.text[size] = '\0';
  } else {  // no /proc
    const auto* called = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
    if (called == nullptr || ::realpath(called, own.text) == nullptr)
      fail("can not find its own directory%s: %s", "", std::strerror(errno));
  }
  own.remove_last_part();
  own.remove_last_part();
  Path there;
  there.join(own.text, "versions");
  if (::realpath(there.text, versions.text) == nullptr) fail("\"%s\": %s", there.text, std::strerror(errno));
}

/// The directory itself, wherever `name` leads through links; false when it is none of the versions.
bool resolve(const Path& versions, const char* name, Path& directory) {
  if (!karapace::is_release_word(name)) return false;
  Path there;
  there.join(versions.text, name);
  if (::realpath(there.text, directory.text) == nullptr) return false;
  const auto length = std::strlen(versions.text);
  struct stat status{};
  return std::strncmp(directory.text, versions.text, length) == 0 && directory.text[length] == '/' &&
         std::strchr(directory.text + length + 1, '/') == nullptr && ::stat(directory.text, &status) == 0 &&
         S_ISDIR(status.st_mode);
}

/// A link may be switched, and what it named removed, while it is followed: what is a name is tried again.
void resolve_or_fail(const Path& versions, const char* name, Path& directory) {
  constexpr int most_tries = 10;
  for (int tries = 0; tries < most_tries; ++tries)
    if (resolve(versions, name, directory)) return;
  fail("there is no version \"%s\" in \"%s\"; `%s --print-versions` lists them", name, versions.text, program);
}

/// A name in versions/, and the directory that it leads to.
struct Name {
  const char* text;
  const char* directory;  // the last part
};
struct Names {
  Name* all = nullptr;
  std::size_t count = 0;
  Name* begin() const { return all; }
  Name* end() const { return all + count; }
};

char* copied(const char* text) {
  if (char* copy = ::strdup(text)) return copy;
  fail("%s", std::strerror(ENOMEM));
}

Names names_in(const Path& versions) {
  DIR* directory = ::opendir(versions.text);
  if (directory == nullptr) fail("\"%s\": %s", versions.text, std::strerror(errno));
  Names names;
  while (const dirent* entry = ::readdir(directory)) {
    Path place;
    if (!resolve(versions, entry->d_name, place)) continue;
    names.all = static_cast<Name*>(std::realloc(names.all, (names.count + 1) * sizeof(Name)));
    if (names.all == nullptr) fail("%s", std::strerror(ENOMEM));
    names.all[names.count++] = {copied(entry->d_name), copied(std::strrchr(place.text, '/') + 1)};
  }
  ::closedir(directory);
  return names;
}

bool is_build(const Name& name) {
  return std::strcmp(name.text, name.directory) == 0 && karapace::parse_build_name(name.text);
}

/// The newest first, each with the aliases that lead to it.
int print_versions(const Path& versions) {
  const auto names = names_in(versions);
  const auto aliases = std::partition(names.begin(), names.end(), is_build);
  std::sort(names.begin(), aliases, [](const Name& a, const Name& b) {
    return karapace::order_of_builds(*karapace::parse_build_name(a.text), *karapace::parse_build_name(b.text)) > 0;
  });
  std::sort(aliases, names.end(), [](const Name& a, const Name& b) { return std::strcmp(a.text, b.text) < 0; });
  for (auto* name = names.begin(); name != aliases; ++name) {
    std::fputs(name->text, stdout);
    const char* before = "\t(";
    for (auto* alias = aliases; alias != names.end(); ++alias) {
      if (std::strcmp(alias->directory, name->text) != 0) continue;
      std::printf("%s%s", before, alias->text);
      before = ", ";
    }
    std::puts(*before == '\t' ? "" : ")");
  }
  return std::fflush(stdout) == 0 ? 0 : 1;
}

bool is_word(const char* argument) { return argument != nullptr && *argument != '-'; }

/// What the first arguments ask of the launcher; all others are the program's.
struct Request {
  const char* version = nullptr;
  char** arguments;  // the program's, without its name
};

Request request_of(char** argv) {
  Request request{.arguments = argv + 1};
  const char* first = argv[1] == nullptr ? "" : argv[1];
  if ((std::strcmp(first, "-v") == 0 || std::strcmp(first, "--version") == 0) && is_word(argv[2])) {
    request.version = argv[2];
    request.arguments = argv + 3;
    return request;
  }
  // A program with the rights of another user chooses its version itself.
  const char* wished = ::secure_getenv(variable);
  request.version = wished != nullptr && *wished != '\0' ? wished : usual_version;
  return request;
}

int print_path(const Path& versions, const char* name) {
  Path directory;
  resolve_or_fail(versions, name, directory);
  std::puts(directory.text);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

/// Whether programs of the version run in its environment, and this is not it.
bool runs_elsewhere(const Path& directory) {
  Path mark;
  mark.join(directory.text, inside_mark);
  const int fd = ::open(mark.text, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return false;
  char environment[65] = "";
  if (fd < 0 || ::read(fd, environment, sizeof environment - 1) != sizeof environment - 1)
    fail("can not read \"%s\": %s", mark.text, fd < 0 ? std::strerror(errno) : "it is too short");
  ::close(fd);
  // As sessions are told it: the beginning of the id.
  const char* here = std::getenv("KARAPACE_ENVIRONMENT");
  return here == nullptr || *here == '\0' || std::strncmp(environment, here, std::strlen(here)) != 0;
}

std::size_t count_of(char** words) {
  std::size_t count = 0;
  while (words[count] != nullptr) ++count;
  return count;
}

/// The runtime finds the program by its name, as the version's are the first in PATH there.
[[noreturn]] void run_inside(const Path& versions, const Path& directory, const Request& request) {
  Path destination = versions;
  destination.remove_last_part();
  const char* const before[] = {runtime,
                                "release",
                                "exec",
                                "--here",
                                "--destination",
                                destination.text,
                                "--release-version",
                                std::strrchr(directory.text, '/') + 1,
                                "--",
                                program};
  const auto words = count_of(request.arguments);
  auto** argv = static_cast<char**>(std::calloc(std::size(before) + words + 1, sizeof(char*)));
  if (argv == nullptr) fail("%s", std::strerror(ENOMEM));
  for (std::size_t i = 0; i < std::size(before); ++i) argv[i] = copied(before[i]);
  std::copy(request.arguments, request.arguments + words, argv + std::size(before));
  ::execvp(runtime, argv);
  if (errno == ENOENT)
    fail(
        "the version \"%s\" runs in the environment that it was built in, for which `%s` is needed, and there is none "
        "in PATH",
        request.version, runtime);
  fail("can not start `%s`: %s", runtime, std::strerror(errno));
}

/// Returns when what was to be started is not there.
void try_program(const Path& versions, const Path& directory, const Request& request) {
  Path bin, path;
  bin.join(directory.text, "bin");
  path.join(bin.text, program);
  if (runs_elsewhere(directory) && ::access(path.text, F_OK) == 0) run_inside(versions, directory, request);
  // The name takes the place of what was consumed before the arguments.
  char** argv = request.arguments - 1;
  argv[0] = path.text;
  ::execv(path.text, argv);
  if (errno != ENOENT || ::access(path.text, F_OK) == 0)
    fail("can not start \"%s\": %s", path.text, std::strerror(errno));
}

bool is_there(const Path& directory) {
  struct stat status{};
  return ::stat(directory.text, &status) == 0;
}

/// What a link named may have been removed since, and the link names another version by then.
[[noreturn]] void become_program(const Path& versions, const Request& request) {
  constexpr int most_tries = 100;
  Path directory;
  for (int tries = 0; tries < most_tries; ++tries) {
    resolve_or_fail(versions, request.version, directory);
    try_program(versions, directory, request);
    if (is_there(directory)) break;
  }
  fail("the version \"%s\" has no program \"%s\"", request.version, program);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 1) return 1;
  find_program(argv[0]);
  Path versions;
  find_versions(versions);
  if (argc > 1 && std::strcmp(argv[1], "--print-versions") == 0) return print_versions(versions);
  if (argc > 2 && std::strcmp(argv[1], "--print-version-path") == 0 && is_word(argv[2]))
    return print_path(versions, argv[2]);
  become_program(versions, request_of(argv));
}
