// SPDX-License-Identifier: Apache-2.0
#include "generator/project/locked_release.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "base/sibling_programs.hpp"
#include "generator/manifest/base_image.hpp"
#include "generator/manifest/git_url.hpp"
#include "generator/manifest/script_name.hpp"
#include "generator/project/git_source.hpp"
#include "generator/resolve/mirrors.hpp"
#include "remote/sha256.hpp"
#include "store/staging.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

struct Content {
  Sha256 sha256;
  std::uint64_t size = 0;
};

std::string said(const manifest::Place& place, std::string_view what) {
  return place.text.empty() ? std::string(what) : fmt::format("{}: {}", place.text, what);
}

std::string called(const manifest::SourceRequest& source) {
  return said(source.place, fmt::format("source \"{}\"", source.name));
}

SourceTree tree_of(const Project& project, const manifest::SourceRequest& source, const WorkTreeFiles& known = {}) {
  return {project.directory(), source.location, source.files, project.lock_path, called(source), known};
}

/// Of its paths. What can not be had here is told of where it is needed.
WorkTreeFiles files_of_paths(const Project& project, const std::vector<manifest::SourceRequest>& sources) {
  std::error_code error;
  const auto root = fs::canonical(project.directory(), error);
  std::vector<fs::path> directories;
  for (const auto& source : sources) {
    if (source.kind != manifest::SourceKind::path || !source.files.empty()) continue;
    auto directory = fs::canonical(root / source.location, error);
    if (!error) directories.push_back(std::move(directory));
  }
  return files_of_work_trees(root, directories);
}

Content content_of(int file, const std::string& name) {
  remote::Sha256Hasher hasher;
  std::array<char, 1 << 16> buffer{};
  Content content;
  for (;;) {
    const auto count = ::read(file, buffer.data(), buffer.size());
    if (count < 0) throw ManifestError(errno_message(fmt::format("\"{}\" can not be read", escaped_utf8(name)), errno));
    if (count == 0) break;
    hasher.update({buffer.data(), static_cast<std::size_t>(count)});
    content.size += static_cast<std::uint64_t>(count);
  }
  content.sha256 = hasher.finish();
  return content;
}

Step fetch_step(const lock::LockedSource& source) {
  return Step::normalised(StepKind::fetch, {{"sha256", source.sha256.hex()}, {"size", fmt::to_string(source.size)}},
                          {});
}

/// A repository that is a path is meant from the manifest's directory.
std::string url_of(const Project& project, const manifest::SourceRequest& source) {
  const bool is_path = source.location.starts_with("./") || source.location.starts_with("../");
  return is_path ? (project.directory() / source.location).lexically_normal().native() : source.location;
}

void add_archive(const store::Store& store, const ArchiveDigests& digests, const fs::path& file) {
  const auto step =
      Step::normalised(StepKind::fetch, {{"sha256", digests.sha256.hex()}, {"size", fmt::to_string(digests.size)}}, {});
  const auto lock = store.lock_output(step.key().hex());
  store.add_blob(digests.blob, file);
  if (!store.record(step.key())) store.add_record({step, BlobOutput{digests.blob, digests.sha256, digests.size}});
}

struct ImportedCommit {
  std::string commit;
  ArchiveDigests digests;
};

/// The tree of what the ref means becomes a blob of the store.
ImportedCommit import_git(const store::Store& store, const std::string& url, const std::string& ref,
                          const std::string& what) {
  try {
    const auto staging = store.stage();
    const GitSource source(url, ref, staging.path());
    const auto path = staging.path() / "archive";
    const auto file = open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0600);
    const auto digests = source.archive(file.get());
    if (::fsync(file.get()) != 0) throw StoreError(errno_message("cannot write " + path.string(), errno));
    add_archive(store, digests, path);
    return {source.commit(), digests};
  } catch (const RemoteError& error) {
    throw RemoteError(fmt::format("{}: {}", what, error.what()));
  }
}

/// Of the manifest's sources as they are now.
class ReleaseLock {
 public:
  ReleaseLock(const Project& project, const std::optional<lock::LockedRelease>& old, const ReleaseLocking& how,
              const MachinePaths& paths)
      : project_(project), old_(old), how_(how), paths_(paths) {}

  LockedReleaseResult run() {
    const auto& wanted = *project_.manifest.release;
    auto& release = result_.release;
    release = {wanted.name, wanted.destination, wanted.main, wanted.entrypoints, {}, wanted.run};
    known_ = files_of_paths(project_, wanted.sources);
    for (const auto& source : wanted.sources) release.sources.push_back(locked(source));
    return std::move(result_);
  }

 private:
  lock::LockedSource locked(const manifest::SourceRequest& source) {
    lock::LockedSource locked{.name = source.name,
                              .version = source.version,
                              .kind = source.kind,
                              .location = source.location,
                              .ref = source.ref,
                              .commit = {},
                              .sha256 = {},
                              .patches = {},
                              .depends = source.depends,
                              .build = source.build,
                              .check = source.check};
    for (const auto& patch : source.patches) {
      const auto content = file_content(patch.file, said(patch.place, "source.patches"));
      locked.patches.push_back({patch.file, content.size, content.sha256});
    }
    switch (source.kind) {
      case manifest::SourceKind::path: lock_path(source, locked); break;
      case manifest::SourceKind::archive: lock_archive(source, locked); break;
      case manifest::SourceKind::git: lock_git(source, locked); break;
    }
    return locked;
  }

  void lock_path(const manifest::SourceRequest& source, lock::LockedSource& locked) {
    const auto tree = tree_of(project_, source, known_);
    result_.watched.insert(tree.watched().begin(), tree.watched().end());
    const auto digests = digests_of(tree, paths_.cache);
    locked.sha256 = digests.sha256;
    locked.size = digests.size;
    if (const auto script = tree.script(source.build))
      locked.build = (*script == SourceTree::Script::executable ? "./" : ". ./") + source.build;
    else if (manifest::is_script_name(source.build))
      throw ManifestError(
          fmt::format("{}: source.build names \"{}\", and no file of \"{}\" has that name (what git ignores is none "
                      "of it): name one that is there, or write what shall be done",
                      called(source), escaped_utf8(source.build), escaped_utf8(source.location)));
  }

  void lock_archive(const manifest::SourceRequest& source, lock::LockedSource& locked) {
    if (!manifest::is_url(source.location)) {
      const auto content = file_content(source.location, called(source));
      require(source, content.sha256);
      locked.sha256 = content.sha256;
      locked.size = content.size;
      return;
    }
    const auto* known = known_as(locked);
    if (known && (!source.sha256 || known->sha256 == *source.sha256)) {
      locked.sha256 = known->sha256;
      locked.size = known->size;
    } else if (how_.network == ReleaseLocking::Network::asked) {
      const auto content = download(source);
      locked.sha256 = content.sha256;
      locked.size = content.size;
    }
  }

  /// A ref is looked at once; where it moves to counts with an upgrade only.
  void lock_git(const manifest::SourceRequest& source, lock::LockedSource& locked) {
    const auto* known = known_as(locked);
    if (known && !how_.upgrade &&
        std::ranges::find(how_.upgraded_sources, source.name) == how_.upgraded_sources.end()) {
      locked.commit = known->commit;
      locked.sha256 = known->sha256;
      locked.size = known->size;
      return;
    }
    if (how_.network == ReleaseLocking::Network::left_out) return;
    const auto store = store::Store::open(paths_.store, store::Store::Access::create);
    const auto made = import_git(store, url_of(project_, source), source.ref, called(source));
    locked.commit = made.commit;
    locked.sha256 = made.digests.sha256;
    locked.size = made.digests.size;
  }

  /// What the lock there was has of the same place.
  const lock::LockedSource* known_as(const lock::LockedSource& wanted) const {
    if (!old_) return nullptr;
    const auto is_it = [&](const lock::LockedSource& one) {
      return one.kind == wanted.kind && one.location == wanted.location && one.ref == wanted.ref;
    };
    const auto found = std::ranges::find_if(old_->sources, is_it);
    return found == old_->sources.end() ? nullptr : &*found;
  }

  Content file_content(const std::string& name, const std::string& what) {
    const auto directory = open_at(AT_FDCWD, project_.directory(), O_PATH | O_DIRECTORY);
    const auto path = (project_.directory() / name).lexically_normal();
    const auto modified = modified_ns(path).value_or(0);
    const auto file = try_open_regular(directory.get(), name, Links::inside);
    if (!file.fd)
      throw ManifestError(fmt::format("{}: \"{}\" {}; put the file itself into {}", what, escaped_utf8(name),
                                      file.refusal.empty() ? "does not exist" : file.refusal,
                                      escaped_utf8(project_.directory().native())));
    result_.watched.emplace(path, modified);
    return content_of(file.fd->get(), name);
  }

  static void require(const manifest::SourceRequest& source, const Sha256& found) {
    if (!source.sha256 || *source.sha256 == found) return;
    throw ManifestError(
        fmt::format("{}: the archive \"{}\" has the SHA-256 {}, and source.sha256 says {}: it is another "
                    "one, or the manifest is wrong",
                    called(source), escaped_utf8(manifest::without_credentials(source.location)), found.hex(),
                    source.sha256->hex()));
  }

  /// Into the store: what was looked at is what is built from.
  Content download(const manifest::SourceRequest& source) const {
    const auto store = store::Store::open(paths_.store, store::Store::Access::create);
    const auto staging = store.stage();
    const auto file = staging.path() / "archive";
    const auto sources = staging.path() / "sources.json";
    const auto mirrors = resolve::find_mirrors({.distribution = "",
                                                .architecture = "",
                                                .additional = {},
                                                .configuration = paths_.configuration,
                                                .cache = paths_.cache});
    write_file_atomically(sources, resolve::mirrors_text(mirrors, {}), Durable::no);
    const auto program = find_program("karapace-fetch");
    const int status = run_child({.argv = {program, "--download", source.location, file, sources},
                                  .working_directory = {},
                                  .output = ChildOutput::to_stderr});
    if (status != 0)
      throw RemoteError(fmt::format("lock: {}: the archive \"{}\" can not be had", called(source),
                                    escaped_utf8(manifest::without_credentials(source.location))));
    const auto opened = open_at(AT_FDCWD, file, O_RDONLY);
    const auto content = content_of(opened.get(), source.location);
    require(source, content.sha256);
    add_blob(store, content, file);
    return content;
  }

  static void add_blob(const store::Store& store, const Content& content, const fs::path& file) {
    const auto step = Step::normalised(StepKind::fetch,
                                       {{"sha256", content.sha256.hex()}, {"size", fmt::to_string(content.size)}}, {});
    const auto lock = store.lock_output(step.key().hex());
    if (store.record(step.key())) return;
    const auto opened = open_at(AT_FDCWD, file, O_RDWR);
    const BlobId id(blake3_of_file(opened.get(), file.native()));
    if (::fsync(opened.get()) != 0) throw StoreError(errno_message("cannot write " + file.string(), errno));
    store.add_blob(id, file);
    store.add_record({step, BlobOutput{id, content.sha256, content.size}});
  }

  const Project& project_;
  const std::optional<lock::LockedRelease>& old_;
  const ReleaseLocking& how_;
  const MachinePaths& paths_;
  LockedReleaseResult result_;
  WorkTreeFiles known_;
};

const manifest::SourceRequest* request_of(const Project& project, const lock::LockedSource& source) {
  if (!project.manifest.release) return nullptr;
  const auto& all = project.manifest.release->sources;
  const auto found = std::ranges::find(all, source.name, &manifest::SourceRequest::name);
  return found == all.end() || found->kind != source.kind ? nullptr : &*found;
}

/// The files of paths, asked for once, and only when something is read.
using KnownFiles = std::function<const WorkTreeFiles&()>;

void import_path(const Project& project, const lock::LockedSource& source, const store::Store& store,
                 const KnownFiles& known) {
  const auto step = fetch_step(source);
  const auto key = step.key();
  if (const auto record = store.record(key); record && store.has_blob(record->blob().blob)) return;
  const auto* request = request_of(project, source);
  if (!request) return;  // a frozen lock may be another's; the store or a cache may have it
  const auto lock = store.lock_output(key.hex());
  const auto staging = store.stage(step);
  const auto path = staging.path() / "archive";
  const auto file = open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0600);
  const auto digests = tree_of(project, *request, known()).archive(file.get());
  if (digests.sha256 != source.sha256)
    throw LockError(fmt::format("{}: its files are not those that {} has: run `karapace lock`", called(*request),
                                escaped_utf8(project.lock_path.native())));
  if (::fsync(file.get()) != 0) throw StoreError(errno_message("cannot write " + path.string(), errno));
  store.add_blob(digests.blob, path);
  if (!store.record(key)) store.add_record({step, BlobOutput{digests.blob, digests.sha256, digests.size}});
}

/// Another machine has the lock and not the blob: the commit is fetched again, and must give the same bytes.
void import_commit(const Project& project, const lock::LockedSource& source, const store::Store& store) {
  if (const auto record = store.record(fetch_step(source).key()); record && store.has_blob(record->blob().blob)) return;
  const auto* request = request_of(project, source);
  if (!request) return;
  const auto made = import_git(store, url_of(project, *request), source.commit, called(*request));
  if (made.digests.sha256 == source.sha256) return;
  throw LockError(
      fmt::format("{}: the commit {} of {} is not what the lock has: its submodules moved, or one of them "
                  "is wrong",
                  called(*request), source.commit, escaped_utf8(manifest::without_credentials(request->location))));
}

}  // namespace

LockedReleaseResult locked_release(const Project& project, const std::optional<lock::LockedRelease>& old,
                                   const ReleaseLocking& how, const MachinePaths& paths) {
  return ReleaseLock(project, old, how, paths).run();
}

lock::Intent wanted_intent(const Project& project, const std::optional<lock::LockedRelease>& old,
                           const fs::path& cache) {
  auto intent = lock::intent_of(project.manifest, project.directory());
  if (!project.manifest.release) return intent;
  ReleaseLocking how;
  how.network = ReleaseLocking::Network::left_out;
  intent.release = locked_release(project, old, how, {.store = {}, .cache = cache, .configuration = {}}).release;
  return intent;
}

void import_sources(const Project& project, const lock::LockedRelease& release, const store::Store& store) {
  std::optional<WorkTreeFiles> files;
  const auto known = [&]() -> const WorkTreeFiles& {
    if (!files)
      files = project.manifest.release ? files_of_paths(project, project.manifest.release->sources) : WorkTreeFiles{};
    return *files;
  };
  for (const auto& source : release.sources) switch (source.kind) {
      case manifest::SourceKind::path: import_path(project, source, store, known); break;
      case manifest::SourceKind::git: import_commit(project, source, store); break;
      case manifest::SourceKind::archive: break;  // their edges fetch them
    }
}

std::map<std::string, std::string> places_of_sources(const Project& project, const lock::LockedRelease& release) {
  std::map<std::string, std::string> places;
  for (const auto& source : release.sources) {
    for (const auto& patch : source.patches)
      places[patch.sha256.hex()] = place_in_project(project.directory(), patch.file);
    if (source.kind != manifest::SourceKind::archive) continue;
    places[source.sha256.hex()] =
        manifest::is_url(source.location) ? source.location : place_in_project(project.directory(), source.location);
  }
  return places;
}

}  // namespace karapace::project
