// SPDX-License-Identifier: Apache-2.0
#include "generator/project/base_archive.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/child.hpp"
#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/sibling_programs.hpp"
#include "base/words.hpp"
#include "generator/graph/graph.hpp"
#include "generator/manifest/base_image.hpp"
#include "generator/resolve/mirrors.hpp"
#include "store/store.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view hint = "is base.sha256 its digest?";

/// For what is needed for a moment only. Nobody else's: two locks of the same archive may be made at once.
struct Workplace : TemporaryDirectory {
  explicit Workplace(const MachinePaths& paths) : TemporaryDirectory("archive", existing(paths.cache)) {}

 private:
  static const fs::path& existing(const fs::path& directory) {
    fs::create_directories(directory);
    return directory;
  }
};

std::uint64_t file_size(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    throw ManifestError(
        errno_message(fmt::format("the base archive \"{}\" can not be read", escaped_utf8(path)), errno));
  }
  if (!S_ISREG(status.st_mode))
    throw ManifestError(fmt::format("the base archive \"{}\" is not a regular file", escaped_utf8(path)));
  return static_cast<std::uint64_t>(status.st_size);
}

/// The archive's steps, as they are planned for a lock.
std::vector<Step> archive_steps(const lock::LockedArchive& archive) {
  auto fetch =
      Step::normalised(StepKind::fetch, {{"sha256", archive.sha256.hex()}, {"size", fmt::to_string(archive.size)}}, {});
  auto unpack = Step::normalised(StepKind::unpack, {{"format", "tar"}, rules_of(StepKind::unpack)}, {fetch.key()});
  return {fetch, unpack};
}

/// mirrors.json for one archive, in `directory`.
fs::path write_sources(const fs::path& directory, const Sha256& sha256, const std::string& location,
                       const MachinePaths& paths) {
  // Which servers are reached how is a matter of this machine's network, not of the distribution in the archive.
  const auto mirrors = manifest::is_url(location) ? resolve::find_mirrors({.distribution = "",
                                                                           .architecture = "",
                                                                           .additional = {},
                                                                           .configuration = paths.configuration,
                                                                           .cache = paths.cache})
                                                  : resolve::Mirrors{};
  auto path = directory / "sources.json";
  write_file_atomically(path, resolve::mirrors_text(mirrors, {{sha256.hex(), {location}}}), Durable::no);
  return path;
}

void fetch(const lock::LockedArchive& archive, const std::string& location, const MachinePaths& paths) {
  const Workplace here(paths);
  run_base_step(archive_steps(archive)[0], paths.store, write_sources(here.path(), archive.sha256, location, paths),
                hint);
}

/// The archive at its URL, as a file.
void download_to(const fs::path& file, const manifest::BaseArchive& archive, const MachinePaths& paths) {
  const auto sources = write_sources(file.parent_path(), archive.sha256, archive.location, paths);
  const auto program = find_program("karapace-fetch");
  const int status = run_child({.argv = {program, "--download", archive.location, file, sources},
                                .working_directory = {},
                                .output = ChildOutput::to_stderr});
  if (status == 0) return;
  throw RemoteError(
      fmt::format("lock: the base archive \"{}\" can not be had", escaped_utf8(shown_address(archive.location))));
}

std::uint64_t download(const manifest::BaseArchive& archive, const MachinePaths& paths) {
  const Workplace here(paths);
  const auto file = here.path() / "archive";
  download_to(file, archive, paths);
  lock::LockedArchive locked{archive.sha256, file_size(file)};
  fetch(locked, file, paths);
  return locked.size;
}

/// The size of the archive when its bytes are in the store: they were fetched for another manifest, or an earlier lock.
/// The record of a fetch is named by the size, too, so all are looked through: that costs less than a download.
std::optional<std::uint64_t> size_in_store(const Sha256& sha256, const fs::path& root) {
  auto store = store::Store::open(root, store::Store::Access::create);
  auto digits = sha256.hex();
  for (const auto& name : names_in(store.root() / "steps")) {
    auto key = StepKey::from_hex(name);
    auto text = key ? read_file_if_exists(store.step_path(*key)) : std::nullopt;
    if (!text || text->find(digits) == std::string::npos) continue;
    auto record = store.record(*key);
    if (!record || record->step.kind != StepKind::fetch || record->step.parameter("sha256") != digits) continue;
    if (store.has_blob(record->blob().blob)) return std::stoull(std::string(record->step.required("size")));
  }
  return std::nullopt;
}

}  // namespace

std::string archive_location(const manifest::BaseArchive& archive, const fs::path& directory) {
  return manifest::is_url(archive.location) ? archive.location
                                            : (directory / archive.location).lexically_normal().native();
}

lock::LockedArchive locked_archive(const manifest::BaseArchive& archive,
                                   const std::optional<lock::LockedArchive>& known, const fs::path& directory,
                                   const MachinePaths& paths) {
  if (known && known->sha256 == archive.sha256) return *known;
  if (manifest::is_url(archive.location)) {
    auto size = size_in_store(archive.sha256, paths.store);
    return {archive.sha256, size ? *size : download(archive, paths)};
  }
  return {archive.sha256, file_size(archive_location(archive, directory))};
}

BaseContents read_archive(const manifest::BaseArchive& archive, const lock::LockedArchive& locked,
                          const fs::path& directory, const MachinePaths& paths) {
  auto store = store::Store::open(paths.store, store::Store::Access::create);
  auto unpack = archive_steps(locked)[1];
  if (!store.record(unpack.key())) {
    fetch(locked, archive_location(archive, directory), paths);
    run_base_step(unpack, paths.store, {}, hint);
  }
  return read_base(store, {unpack.key()}, "base archive");
}

}  // namespace karapace::project
