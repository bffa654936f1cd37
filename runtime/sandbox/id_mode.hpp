// SPDX-License-Identifier: Apache-2.0
// Id modes: how many user ids an unprivileged user namespace can be given here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace karapace::sandbox {

enum class IdMode {
  root,    // we are root: the identity map
  subid,   // newuidmap(1) and a range in /etc/subuid and /etc/subgid of at least 65,535 ids
  single,  // only our own id, as 0 inside
};

std::string_view text(IdMode mode) noexcept;

struct IdRange {
  unsigned inside = 0;
  unsigned outside = 0;
  unsigned count = 0;
};

struct IdPlan {
  IdMode mode{};
  std::vector<IdRange> uids;
  std::vector<IdRange> gids;
  std::string reason;  // one sentence for people: why this mode
};

/// Chooses the mode for this process. KARAPACE_ID_MODE=root|subid|single asks for one; SandboxError when it can not
/// be had. Reads /etc/subuid and /etc/subgid (and `getsubids` is not needed); starts no process.
IdPlan plan_ids();

/// Moves the calling, single-threaded process into a new user namespace in which it is root with all capabilities
/// (newuidmap(1) and newgidmap(1) are run by a helper process in `subid` mode). SandboxError with the remedy when the
/// kernel or a policy refuses (Ubuntu's AppArmor rule, user.max_user_namespaces, a container's seccomp filter).
void enter_user_namespace(const IdPlan& plan);

}  // namespace karapace::sandbox
