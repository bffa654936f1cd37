// SPDX-License-Identifier: Apache-2.0
#include "remote/local_file.hpp"

#include <cerrno>
#include <charconv>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/regular_file.hpp"

namespace karapace::remote {

namespace {

constexpr std::size_t buffer_size = std::size_t{256} << 10;

std::string decoded(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    bool escape = text[i] == '%' && i + 2 < text.size() &&
                  std::from_chars(&text[i + 1], &text[i + 1] + 2, value, 16).ptr == &text[i + 1] + 2;
    bytes += escape ? static_cast<char>(value) : text[i];
    if (escape) i += 2;
  }
  return bytes;
}

Attempt refused(std::string_view reason) { return {Attempt::Result::refused, std::string(reason)}; }

RegularFile open_source(const std::string& source) {
  constexpr std::string_view end_of_directory = "/./";
  auto mark = source.find(end_of_directory);
  if (mark == source.npos) return try_open_regular(AT_FDCWD, source, Links::followed);
  Fd directory(::open(source.substr(0, mark + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return {{}, errno_message("cannot be opened", errno)};
  return try_open_regular(directory.get(), source.substr(mark + end_of_directory.size()), Links::inside);
}

Attempt copy_bytes(int source, PartialFile& file) {
  std::vector<char> buffer(buffer_size);
  for (;;) {
    auto got = ::read(source, buffer.data(), buffer.size());
    if (got == 0) return {Attempt::Result::complete, {}};
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused(errno_message("cannot be read", errno));
    auto room = file.append({buffer.data(), static_cast<std::size_t>(got)});
    if (room == PartialFile::Room::exceeded) return refused("grew while it was read");
  }
}

}  // namespace

std::optional<std::filesystem::path> local_path(std::string_view location) {
  if (location.starts_with('/')) return std::filesystem::path(location);
  for (std::string_view scheme : {"file:///", "file://localhost/", "file:/"}) {
    if (location.starts_with(scheme)) return decoded(location.substr(scheme.size() - 1));
  }
  return std::nullopt;
}

Attempt copy_local(const std::filesystem::path& source, PartialFile& file) {
  if (file.size() > 0) file.restart();
  auto opened = open_source(source.native());
  if (!opened.refusal.empty()) return refused(opened.refusal);
  if (!opened.fd) return refused(errno_message("cannot be opened", ENOENT));
  struct stat status{};
  if (::fstat(opened.fd->get(), &status) != 0) return refused(errno_message("cannot be read", errno));
  auto size = static_cast<std::uint64_t>(status.st_size);
  if (size != file.declared_size()) return refused(fmt::format("has {} bytes, not {}", size, file.declared_size()));
  return copy_bytes(opened.fd->get(), file);
}

}  // namespace karapace::remote
