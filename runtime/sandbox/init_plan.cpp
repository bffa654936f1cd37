// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/init_plan.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"

namespace karapace::sandbox {
namespace {

using init::CommandHeader;
using init::OwnerCalls;

template <class Value>
void put(std::string& bytes, const Value& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string& bytes, const std::string& text) {
  if (text.find('\0') != text.npos) throw SandboxError("sandbox: a word of a command holds a null character");
  bytes.append(text).push_back('\0');
}

void put_command(std::string& bytes, const Command& command) {
  CommandHeader header;
  header.arguments = static_cast<std::uint32_t>(command.argv.size());
  header.variables = static_cast<std::uint32_t>(command.variables.size());
  put(bytes, header);
  const auto path = command.variables.find("PATH");
  put_text(bytes, path == command.variables.end() ? "" : path->second);
  put_text(bytes, command.working_directory);
  for (const auto& word : command.argv) put_text(bytes, word);
  for (const auto& [name, value] : command.variables) put_text(bytes, name + "=" + value);
}

}  // namespace

std::string init_plan_bytes(init::Header header, const std::vector<Command>& commands) {
  std::string bytes(sizeof header, '\0');
  for (const auto& command : commands) put_command(bytes, command);
  header.size = bytes.size();
  header.commands = static_cast<std::uint32_t>(commands.size());
  bytes.replace(0, sizeof header, reinterpret_cast<const char*>(&header), sizeof header);
  return bytes;
}

Fd init_plan_file(const init::Header& header, const std::vector<Command>& commands) {
  const auto bytes = init_plan_bytes(header, commands);
  Fd file(::memfd_create("karapace-init", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) throw SandboxError(errno_message("sandbox: cannot make a file in memory", errno));
  write_all(file.get(), bytes, "the plan of process 1");
  if (::lseek(file.get(), 0, SEEK_SET) != 0 ||
      ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
    throw SandboxError(errno_message("sandbox: cannot seal the plan of process 1", errno));
  return file;
}

OwnerCalls owner_calls(IdMode mode, Purpose purpose) noexcept {
  const bool step = purpose == Purpose::step;
  if (mode != IdMode::single) return OwnerCalls::real;
  return step ? OwnerCalls::tracked : OwnerCalls::pretended;
}

}  // namespace karapace::sandbox
