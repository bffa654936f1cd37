// SPDX-License-Identifier: Apache-2.0
#include "attempt.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace karapace::probe {

void Facts::add(std::string_view word) {
  const auto equals = word.find('=');
  if (equals != std::string_view::npos)
    values_.insert_or_assign(std::string(word.substr(0, equals)), std::string(word.substr(equals + 1)));
}

const std::string& Facts::at(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) std::abort();
  return found->second;
}

std::string Facts::secret() const {
  const auto& reversed = at("terces");
  return {reversed.rbegin(), reversed.rend()};
}

std::string_view text(Result result) {
  switch (result) {
    case Result::refused: return "refused";
    case Result::absent: return "absent";
    case Result::contained: return "contained";
    case Result::allowed: return "allowed";
    case Result::invalid: return "invalid";
  }
  return "invalid";
}

std::string label(std::string path) {
  for (char& c : path) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? static_cast<char>(std::tolower(c)) : '-';
  return path;
}

Outcome allowed(std::string detail) { return {Result::allowed, std::move(detail)}; }
Outcome contained(std::string detail) { return {Result::contained, std::move(detail)}; }

Outcome failed() {
  const int error = errno;
  constexpr int missing[] = {ENOENT,          ENOSYS,          ENODEV,     ENXIO,   ESRCH,        EAFNOSUPPORT,
                             EPROTONOSUPPORT, ESOCKTNOSUPPORT, EOPNOTSUPP, ENOTDIR, ECONNREFUSED, ENOTTY};
  constexpr int malformed[] = {EINVAL, EFAULT, EBADF, E2BIG};
  const auto is_in = [error](const auto& list) {
    return std::find(std::begin(list), std::end(list), error) != std::end(list);
  };
  const auto result = is_in(missing) ? Result::absent : is_in(malformed) ? Result::invalid : Result::refused;
  return {result, std::strerror(error)};
}

Outcome judged(long result) { return result >= 0 ? allowed() : failed(); }
Outcome judged_as_own(long result) { return result >= 0 ? contained() : failed(); }

Outcome judged_by_filter(long result) {
  if (result >= 0) return allowed();
  if (errno == EPERM || errno == EACCES || errno == ENOSYS) return failed();
  return allowed(std::string("reached the kernel: ") + std::strerror(errno));
}

Text read_text(const std::string& path, std::size_t most) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return {};
  Text read{true, {}};
  char buffer[4096];
  while (read.bytes.size() < most) {
    const auto count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && read.bytes.empty()) read.ok = false;
    if (count <= 0) break;
    read.bytes.append(buffer, static_cast<std::size_t>(count));
  }
  const int error = errno;
  ::close(fd);
  errno = error;
  return read;
}

Outcome read_attempt(const std::string& path) {
  const auto read = read_text(path, 64);
  if (!read.ok) return failed();
  return read.bytes.empty() ? contained("empty") : allowed("readable");
}

Outcome search_attempt(const std::string& path, const std::string& needle) {
  const auto read = read_text(path);
  if (!read.ok) return failed();
  return read.bytes.find(needle) == std::string::npos ? contained("without it") : allowed("found");
}

Outcome rewrite_attempt(const std::string& path) {
  const auto before = read_text(path, 4096);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return failed();
  if (!before.ok || before.bytes.empty()) return allowed("open for writing");
  return ::write(fd, before.bytes.data(), before.bytes.size()) > 0 ? allowed("written") : failed();
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  errno = 0;
  DIR* stream = ::opendir(directory.c_str());
  if (stream == nullptr) return names;
  while (const dirent* entry = ::readdir(stream))
    if (std::string_view name = entry->d_name; name != "." && name != "..") names.emplace_back(name);
  ::closedir(stream);
  errno = 0;
  return names;
}

Outcome list_attempt(const std::string& path) {
  const auto names = names_in(path);
  if (errno != 0) return failed();
  return names.empty() ? contained("empty") : allowed(names.front());
}

Outcome climb_attempt(int directory, const Facts& facts) {
  std::string path = ".";
  for (int level = 0; level < 40; ++level) {
    const int file = ::openat(directory, (path + facts.at("outside")).c_str(), O_RDONLY | O_CLOEXEC);
    if (file >= 0) return allowed("the host's file, " + std::to_string(level) + " levels up");
    path += "/..";
  }
  return contained("stays inside");
}

}  // namespace karapace::probe
