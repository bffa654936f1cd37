// SPDX-License-Identifier: Apache-2.0
// What crosses a sandbox's wall, in either direction, or lies where others can write: the first byte says which.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "runtime/init/directory_order.hpp"
#include "runtime/init/identity.hpp"
#include "runtime/init/owner_call.hpp"
#include "runtime/init/owner_record.hpp"
#include "runtime/init/plan_reader.hpp"
#include "runtime/sandbox/host_view.hpp"
#include "runtime/sandbox/report_reader.hpp"
#include "runtime/sandbox/session_list.hpp"
#include "tests/fuzz/target.hpp"

namespace karapace {
namespace {

/// Reports, one after another, as process 1 sends them.
void hear_reports(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto rules = static_cast<unsigned char>(bytes.front());
  bytes.remove_prefix(1);
  sandbox::ReportReader reader(
      Fd(), {.commands = rules & 3u, .may_ask_for_fuse = (rules & 4u) != 0, .may_send_terminal = (rules & 8u) != 0});
  while (!bytes.empty()) {
    const auto size = std::min(bytes.size(), sizeof(init::Report));
    const auto heard = reader.accept(bytes.data(), size, Fd());
    if (std::strlen(heard.report.object) >= sizeof heard.report.object) std::abort();
    bytes.remove_prefix(size);
  }
}

void read_mounts(std::string_view bytes) {
  const sandbox::HostMounts mounts(sandbox::parse_mounts(bytes));
  for (const char* path : {"/", "/home/user/project", "/proc/self"}) {
    const auto place = mounts.place_of(path);
    if (place && mounts.paths_of(*place).empty()) std::abort();
    mounts.lies_within(path, "/home");
  }
}

void read_plan(std::string_view bytes) {
  // As in a mapping: aligned, and nothing behind it.
  std::vector<std::uint64_t> block(bytes.size() / 8 + 1);
  std::memcpy(block.data(), bytes.data(), bytes.size());
  init::read_plan(reinterpret_cast<const char*>(block.data()), bytes.size());
}

void decode_call(std::string_view bytes) {
  seccomp_data call{};
  std::memcpy(&call, bytes.data(), std::min(bytes.size(), sizeof call));
  init::decode_owner_call(call);
  init::decode_owner_query(call);
  init::decode_directory_call(call);
  if (const auto change = init::decode_identity_call(call)) {
    init::Identity identity;
    init::answer_identity_call(0, *change, identity);
  }
}

void fuzz(char kind, std::string_view bytes) {
  switch (kind) {
    case 'r': return hear_reports(bytes);
    case 's': static_cast<void>(sandbox::parse_sessions(bytes)); return;
    case 'm': return read_mounts(bytes);
    case 'p': return read_plan(bytes);
    case 'c': return decode_call(bytes);
    case 'o': static_cast<void>(init::parse_owner(bytes.data(), bytes.size())); return;
    default: return;
  }
}

}  // namespace
}  // namespace karapace

void karapace::fuzz_one(std::string_view bytes) {
  if (bytes.empty()) return;
  try {
    fuzz(bytes.front(), bytes.substr(1));
  } catch (const Error&) {
  }
}
