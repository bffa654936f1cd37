// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/remade_files.hpp"

#include <array>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/directory.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"

namespace karapace::steps {

namespace {

constexpr std::uint32_t order = 1;

constexpr auto files = std::to_array<RemadeFile>({
    // update-info-dir knows what is below /usr/share/info only. Where somebody added other entries, or another
    // beginning, the file stays.
    {"usr/share/info/dir", "update-info-dir", R"(cd /usr/share/info
said() { sed -n -e '1,/^\* Menu:/p' -e 's/^\(\* [^:]*:\).*/\1/p' "$1" | LC_ALL=C sort -u; }
before=$(mktemp -d)
cp -p dir "$before/dir"
update-info-dir
said dir >"$before/new"
if said "$before/dir" | LC_ALL=C comm -23 - "$before/new" | grep -q .; then cp -p "$before/dir" dir; fi
rm -r "$before")",
     "install-info adds the entries and sections of one file after another"},
    {"var/lib/ghc/package.conf.d/package.cache", "ghc-pkg", "ghc-pkg recache --global",
     "it holds the packages in the order of their files"},
});

bool was_touched(int upper, const RemadeFile& file) {
  return try_open_regular(upper, file.path, Links::refused).fd.has_value();
}

sandbox::Command command_for(const RemadeFile& file, const sandbox::Command& last) {
  sandbox::Command command;
  command.argv = {"/bin/sh", "-ec",
                  fmt::format("command -v {} >/dev/null || exit 0\n{}\n", file.program, file.command)};
  command.variables = last.variables;
  command.title = fmt::format("making /{} again", file.path);
  return command;
}

}  // namespace

std::span<const RemadeFile> remade_files() { return files; }

std::optional<sandbox::SandboxPlan> remaking(const sandbox::SandboxPlan& done) {
  const auto upper = open_at(AT_FDCWD, done.upper, O_RDONLY | O_DIRECTORY);
  sandbox::SandboxPlan plan = done;
  plan.commands.clear();
  for (const auto& file : files)
    if (was_touched(upper.get(), file)) plan.commands.push_back(command_for(file, done.commands.back()));
  if (plan.commands.empty()) return std::nullopt;
  plan.binds.clear();
  plan.directory_order = order;
  // The kernel mounts no volatile overlay again with the same one.
  plan.work += "-again";
  make_directory(plan.work);
  return plan;
}

}  // namespace karapace::steps
