// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/remade_files.hpp"

#include <array>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>

#include "base/directory.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "runtime/init/directory_order.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::steps {

namespace {

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
    {"var/lib/texmf/fmtutil.cnf-DEBIAN", "update-fmtutil", "update-fmtutil --quiet",
     "it joins files in the order in which find tells them"},
    {"var/lib/texmf/fmtutil.cnf-TEXLIVEDIST", "update-fmtutil", "update-fmtutil --quiet",
     "it joins files in the order in which find tells them"},
    {"var/lib/texmf/updmap.cfg-DEBIAN", "update-updmap", "update-updmap --quiet",
     "it joins files in the order in which find tells them"},
    {"var/lib/texmf/updmap.cfg-TEXLIVEDIST", "update-updmap", "update-updmap --quiet",
     "it joins files in the order in which find tells them"},
    // After the files that it lists.
    {"var/lib/texmf/ls-R", "mktexlsr", "mktexlsr --quiet /var/lib/texmf",
     "fmtutil and updmap write it in the order of directories"},
    {"usr/lib/*/vlc/plugins/plugins.dat", "${1%/plugins/*}/vlc-cache-gen",
     R"("${1%/plugins/*}/vlc-cache-gen" "${1%/*}")", "it holds the plugins in the order of their files"},
});

bool is_file(int upper, const std::string& path) {
  return try_open_regular(upper, path, Links::refused).fd.has_value();
}

/// The paths of the upper directory that the pattern stands for, sorted. No link is followed.
std::vector<std::string> touched(int upper, std::string_view pattern) {
  const auto star = pattern.find("/*/");
  std::vector<std::string> paths;
  if (star == pattern.npos) {
    paths.emplace_back(pattern);
  } else {
    const std::string above(pattern.substr(0, star));
    const auto directory =
        sys::openat2(upper, above.c_str(), O_RDONLY | O_DIRECTORY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    if (!directory) return {};
    for (const auto& name : names_in(directory.get(), above))
      paths.push_back(fmt::format("{}/{}/{}", above, name, pattern.substr(star + 3)));
  }
  std::erase_if(paths, [upper](const auto& path) { return !is_file(upper, path); });
  return paths;
}

sandbox::Command command_for(const RemadeFile& file, const std::string& path, const sandbox::Command& last) {
  sandbox::Command command;
  command.argv = {"/bin/sh", "-ec",
                  fmt::format("command -v \"{}\" >/dev/null || exit 0\n{}\n", file.program, file.command), "sh",
                  "/" + path};
  command.variables = last.variables;
  command.title = fmt::format("making /{} again", printable_word(path));
  return command;
}

}  // namespace

std::span<const RemadeFile> remade_files() { return files; }

std::optional<sandbox::SandboxPlan> remaking(const sandbox::SandboxPlan& done) {
  const auto upper = open_at(AT_FDCWD, done.upper, O_RDONLY | O_DIRECTORY);
  sandbox::SandboxPlan plan = done;
  plan.commands.clear();
  for (const auto& file : files)
    for (const auto& path : touched(upper.get(), file.pattern))
      plan.commands.push_back(command_for(file, path, done.commands.back()));
  if (plan.commands.empty()) return std::nullopt;
  plan.binds.clear();
  plan.directory_order = init::order_of_names;
  // The kernel mounts no volatile overlay again with the same one.
  plan.work += "-again";
  make_directory(plan.work);
  return plan;
}

}  // namespace karapace::steps
