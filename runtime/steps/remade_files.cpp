// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/remade_files.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "runtime/init/directory_order.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::steps {

namespace {

constexpr auto files = std::to_array<RemadeFile>({
    {"usr/share/info/dir", "update-info-dir", "update-info-dir", Contents::lines,
     "install-info adds the entries and sections of one file after another"},
    {"var/lib/ghc/package.conf.d/package.cache", "ghc-pkg", "ghc-pkg recache --global", Contents::index,
     "it holds the packages in the order of their files"},
    {"var/lib/texmf/fmtutil.cnf-DEBIAN", "update-fmtutil", "update-fmtutil --quiet", Contents::lines,
     "it joins files in the order in which find tells them"},
    {"var/lib/texmf/fmtutil.cnf-TEXLIVEDIST", "update-fmtutil", "update-fmtutil --quiet", Contents::lines,
     "it joins files in the order in which find tells them"},
    {"var/lib/texmf/updmap.cfg-DEBIAN", "update-updmap", "update-updmap --quiet", Contents::lines,
     "it joins files in the order in which find tells them"},
    {"var/lib/texmf/updmap.cfg-TEXLIVEDIST", "update-updmap", "update-updmap --quiet", Contents::lines,
     "it joins files in the order in which find tells them"},
    // After the files that it lists.
    {"var/lib/texmf/ls-R", "mktexlsr", "mktexlsr --quiet /var/lib/texmf", Contents::index,
     "fmtutil and updmap write it in the order of directories"},
    {"usr/lib/*/vlc/plugins/plugins.dat", "${1%/plugins/*}/vlc-cache-gen",
     R"("${1%/plugins/*}/vlc-cache-gen" "${1%/*}")", Contents::index,
     "it holds the plugins in the order of their files"},
});

/// Nothing when it is not there, or behind a link. What can not be looked at for another reason must not be passed
/// over: the same step would give another layer.
std::optional<Fd> open_if_there(int upper, const std::string& path, int flags) {
  auto fd =
      sys::openat2(upper, path.c_str(), static_cast<std::uint64_t>(flags), 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  if (fd) return fd;
  if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return std::nullopt;
  throw StoreError(errno_message(fmt::format("cannot look for \"{}\" in what a build's commands made", path), errno));
}

bool is_file(int upper, const std::string& path) {
  const auto fd = open_if_there(upper, path, O_PATH | O_NOFOLLOW);
  struct stat status{};
  return fd && ::fstat(fd->get(), &status) == 0 && S_ISREG(status.st_mode);
}

/// The paths of the upper directory that the pattern stands for, sorted. No link is followed.
std::vector<std::string> touched(int upper, std::string_view pattern) {
  const auto star = pattern.find("/*/");
  std::vector<std::string> paths;
  if (star == pattern.npos) {
    paths.emplace_back(pattern);
  } else {
    const std::string above(pattern.substr(0, star));
    const auto directory = open_if_there(upper, above, O_RDONLY | O_DIRECTORY);
    if (!directory) return {};
    for (const auto& name : names_in(directory->get(), above))
      paths.push_back(fmt::format("{}/{}/{}", above, name, pattern.substr(star + 3)));
  }
  std::erase_if(paths, [upper](const auto& path) { return !is_file(upper, path); });
  return paths;
}

constexpr std::string_view keeping_lines = R"(before=$(mktemp -d)
cp -p -- "$1" "$before/file"
{}
LC_ALL=C sort -- "$before/file" >"$before/old"
if LC_ALL=C sort -- "$1" | LC_ALL=C comm -23 "$before/old" - | grep -q .; then cp -p -- "$before/file" "$1"; fi
rm -r "$before")";

/// In a shell of its own, because of its end: 126 and 127 are a program that is gone.
constexpr std::string_view script = R"(command -v "{}" >/dev/null || exit 0
set +e
(
set -e
{}
)
status=$?
[ $status -lt 126 ] || [ $status -gt 127 ] || exit 0
exit $status
)";

sandbox::Command command_for(const RemadeFile& file, const std::string& path, const sandbox::Command& last) {
  sandbox::Command command;
  const auto making =
      file.contents == Contents::lines ? fmt::format(keeping_lines, file.command) : std::string(file.command);
  command.argv = {"/bin/sh", "-c", fmt::format(script, file.program, making), "sh", "/" + path};
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
