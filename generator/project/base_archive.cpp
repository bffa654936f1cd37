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
#include "base/regular_file.hpp"
#include "base/sibling_programs.hpp"
#include "base/words.hpp"
#include "generator/graph/graph.hpp"
#include "generator/manifest/base_image.hpp"
#include "generator/resolve/mirrors.hpp"
#include "generator/resolve/os_release.hpp"
#include "store/listing.hpp"
#include "store/store.hpp"
#include "store/verified_content.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

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

/// Runs one edge as ninja would.
void run_step(const Step& step, const fs::path& store, const fs::path& mirrors) {
  auto steps = store / "steps";
  std::vector<std::string> argv = {find_program("karapace-step"), std::string(text(step.kind)),
                                   steps / step.key().hex()};
  if (step.kind == StepKind::fetch) argv.insert(argv.end(), {"--hint", "mirrors=" + mirrors.native()});
  for (const auto& [name, value] : step.parameters) argv.push_back(name + "=" + value);
  argv.push_back("--");
  for (const auto& input : step.inputs) argv.push_back(steps / input.hex());
  if (run_child({.argv = argv, .working_directory = {}, .output = ChildOutput::to_stderr}) == 0) return;
  throw StepError(
      fmt::format("lock: the base archive can not be {}ed (see above); is base.sha256 its digest?", text(step.kind)));
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
  run_step(archive_steps(archive)[0], paths.store, write_sources(here.path(), archive.sha256, location, paths));
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

/// The archive's links are followed as in its own root.
std::optional<Fd> open_inside(int root, const fs::path& path) {
  try {
    return open_regular(root, path, Links::as_root);
  } catch (const StoreError& error) {
    throw ManifestError(fmt::format("lock: the base archive can not be read: {}; take another one", error.what()));
  }
}

constexpr std::size_t largest_os_release = std::size_t{1} << 20;
constexpr std::size_t largest_dpkg_status = std::size_t{256} << 20;

/// The unpacked archive. What is read of it decides what is locked, so it must be what was unpacked.
class BaseLayer {
 public:
  BaseLayer(const store::Store& store, const LayerId& id)
      : tree_(store.layer_tree(id)),
        listing_(store.listing(id)),
        root_(open_at(AT_FDCWD, tree_, O_PATH | O_DIRECTORY)) {}

  std::optional<std::string> read_if_there(const fs::path& path, std::size_t limit) const {
    auto fd = open_inside(root_.get(), path);
    if (!fd) return std::nullopt;
    auto text = read_all(fd->get(), "the base archive's /" + path.native(), limit);
    store::require_listed(fd->get(), text, tree_, listing_);
    return text;
  }

  std::string read(const fs::path& path, std::size_t limit) const {
    if (auto text = read_if_there(path, limit)) return std::move(*text);
    throw ManifestError(
        fmt::format("lock: the base archive has no /{}, so no packages can be installed on it; only "
                    "Debian's and Ubuntu's systems are supported",
                    path.native()));
  }

 private:
  fs::path tree_;
  store::Listing listing_;
  Fd root_;
};

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

ArchiveContents read_archive(const manifest::BaseArchive& archive, const lock::LockedArchive& locked,
                             const fs::path& directory, const MachinePaths& paths) {
  auto store = store::Store::open(paths.store, store::Store::Access::create);
  auto unpack = archive_steps(locked)[1];
  if (!store.record(unpack.key())) {
    fetch(locked, archive_location(archive, directory), paths);
    run_step(unpack, paths.store, {});
  }
  auto record = store.input_record(unpack.key());
  const BaseLayer layer(store, record.layer().layer);
  auto release = layer.read("etc/os-release", largest_os_release);
  ArchiveContents contents{
      resolve::os_release_value(release, "ID"), resolve::os_release_value(release, "VERSION_CODENAME"), {}, {}};
  contents.dpkg_status = layer.read("var/lib/dpkg/status", largest_dpkg_status);
  if (auto text = layer.read_if_there("var/lib/dpkg/arch", largest_os_release)) contents.architectures = *text;
  if (resolve::archives_of(contents.distribution).empty() || contents.suite.empty()) {
    throw ManifestError(
        fmt::format("lock: the base archive is of \"{} {}\": only Debian's and Ubuntu's systems are "
                    "supported",
                    contents.distribution, contents.suite));
  }
  return contents;
}

}  // namespace karapace::project
