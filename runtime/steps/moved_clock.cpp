// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/moved_clock.hpp"

#include <cerrno>
#include <string>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace karapace::steps {

void write_clock_layer(const std::filesystem::path& place, const MovedClock& clock) {
  const auto etc = place / "etc";
  for (const auto& directory : {place, etc}) {
    if (::mkdir(directory.c_str(), 0755) != 0)
      throw StoreError(errno_message(fmt::format("cannot make the directory {}", directory.string()), errno));
  }
  // moved_clock.c knows the name of the link.
  const auto link = etc / "ld.so.preload.offset";
  if (::symlink(std::to_string(clock.seconds).c_str(), link.c_str()) != 0)
    throw StoreError(errno_message(fmt::format("cannot make the link {}", link.string()), errno));
  write_file_atomically(etc / "ld.so.preload.clock", read_file(clock.library), Durable::no, 0755);
  write_file_atomically(etc / "ld.so.preload", "/etc/ld.so.preload.clock\n", Durable::no, 0644);
}

}  // namespace karapace::steps
