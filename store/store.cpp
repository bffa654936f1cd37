// SPDX-License-Identifier: Apache-2.0
// The store's directory and what appears in it. Everything appears by one rename(2) made under the shared contents
// lock; before that, the name of what appears is pinned in the staging directory of the work that makes it (pins.hpp).
// gc.cpp holds the argument why nothing is collected that a running build needs.
#include "store/store.hpp"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/call_error.hpp"
#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "base/remove_tree.hpp"
#include "store/pins.hpp"

namespace karapace::store {

namespace {

bool is_there(const std::filesystem::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  throw CallError(fmt::format("cannot look at \"{}\"", escaped_utf8(path.native())), errno);
}

/// False when there is something of that name already.
bool rename_new(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == EEXIST || errno == ENOTEMPTY) return false;
  // Some file systems do not know the flag. A directory is not replaced by rename(2) either, unless it is empty, which
  // a layer never is; a blob is replaced by its equal.
  if (errno == EINVAL && ::rename(from.c_str(), to.c_str()) == 0) return true;
  if (errno == EEXIST || errno == ENOTEMPTY) return false;
  throw StoreError(errno_message(
      fmt::format("cannot move \"{}\" to \"{}\"", escaped_utf8(from.native()), escaped_utf8(to.native())), errno));
}

}  // namespace

std::filesystem::path Store::blob_path(const BlobId& id) const { return root_ / "blobs" / id.hex(); }
std::filesystem::path Store::layer_tree(const LayerId& id) const { return root_ / "layers" / id.hex() / "tree"; }
std::filesystem::path Store::listing_path(const LayerId& id) const { return root_ / "layers" / id.hex() / "listing"; }
std::filesystem::path Store::step_path(const StepKey& key) const { return root_ / "steps" / key.hex(); }
std::filesystem::path Store::failed_path() const { return root_ / "failed"; }
std::filesystem::path Store::log_path(const StepKey& key) const { return root_ / "logs" / key.hex(); }
std::filesystem::path Store::sysroot_path(const EnvironmentId& id) const { return root_ / "sysroots" / id.hex(); }
std::filesystem::path Store::instances_path() const { return root_ / "instances"; }
std::filesystem::path Store::roots_path() const { return root_ / "roots"; }
std::filesystem::path Store::staging_path() const { return root_ / "staging"; }
std::filesystem::path Store::environment_path(const EnvironmentId& id) const {
  return root_ / "environments" / id.hex();
}

FileLock Store::lock_contents(int mode) const { return FileLock::acquire(root_ / "locks" / "contents", mode); }

FileLock Store::lock_output(std::string_view name) const {
  bool usable =
      !name.empty() && name.front() != '.' && name.find('/') == name.npos && name != "contents" && name != "gc";
  if (!usable) throw StoreError(fmt::format("\"{}\" can not be the name of a lock", escaped_utf8(name)));
  return FileLock::acquire(root_ / "locks" / name, LOCK_EX);
}

bool Store::has_blob(const BlobId& id) const { return is_there(blob_path(id)); }

void Store::add_blob(const BlobId& id, const std::filesystem::path& finished_file) const {
  if (::chmod(finished_file.c_str(), 0444) != 0) {
    throw StoreError(
        errno_message(fmt::format("cannot make \"{}\" a blob", escaped_utf8(finished_file.native())), errno));
  }
  auto lock = lock_contents(LOCK_SH);
  pin(staging_path(), finished_file, "blobs", id.hex());
  if (!rename_new(finished_file, blob_path(id))) ::unlink(finished_file.c_str());
}

Fd Store::open_blob(const BlobId& id) const {
  auto fd = open_if_exists(AT_FDCWD, blob_path(id), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) {
    throw StoreError(
        fmt::format("the blob {} is missing from the store \"{}\"; run `karapace verify-store --repair`, "
                    "then ninja again",
                    id.hex(), escaped_utf8(root_.native())));
  }
  require_regular(fd->get(), blob_path(id));
  return std::move(*fd);
}

bool Store::has_layer(const LayerId& id) const { return is_there(root_ / "layers" / id.hex()); }

namespace {

/// The directory of a layer without its tree.
void write_unfinished_layer(const std::filesystem::path& directory, const Listing& listing) {
  make_directory(directory);
  const auto path = directory / "listing";
  const auto file = open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0444);
  // The mode is asked for exactly: a person's umask must not show in what we write.
  if (::fchmod(file.get(), 0444) != 0)
    throw StoreError(errno_message("cannot set the mode of " + path.string(), errno));
  listing.write_text([&](std::string_view part) { write_all(file.get(), part, path.string()); });
}

}  // namespace

LayerId Store::add_layer(const std::filesystem::path& tree, const Listing& listing, const Staging& staging) const {
  const auto id = listing.id();
  auto unfinished = staging.path() / fmt::format(".layer-{}", id.hex());
  if (!has_layer(id)) {
    remove_tree(unfinished);
    write_unfinished_layer(unfinished, listing);
  }
  auto lock = lock_contents(LOCK_SH);
  pin(staging_path(), staging.path() / "layer", "layers", id.hex());
  if (has_layer(id)) return id;
  // gc may have taken the layer between the two questions.
  if (!is_there(unfinished)) {
    write_unfinished_layer(unfinished, listing);
  }
  rename_new(tree, unfinished / "tree");
  if (!rename_new(unfinished, root_ / "layers" / id.hex())) rename_new(unfinished / "tree", tree);
  return id;
}

Listing Store::listing(const LayerId& id) const {
  auto text = read_file_if_exists(listing_path(id));
  constexpr auto remedy = "run `karapace verify-store --repair`, then ninja again";
  if (!text) {
    throw StoreError(fmt::format("the layer {} is missing from the store \"{}\"; {}", id.hex(),
                                 escaped_utf8(root_.native()), remedy));
  }
  auto what = fmt::format("the listing of the layer {}", id.hex());
  if (LayerId(blake3(*text)) != id)
    throw StoreError(fmt::format("{} is damaged: its digest differs; {}", what, remedy));
  return Listing::parse(*text, what);
}

bool Store::has_sysroot(const EnvironmentId& id) const {
  return is_there(sysroot_path(id)) && is_there(sysroot_listing_path(id));
}

std::filesystem::path Store::sysroot_listing_path(const EnvironmentId& id) const {
  return root_ / "sysroots" / fmt::format("{}.listing", id.hex());
}

void Store::add_sysroot(const EnvironmentId& id, const std::filesystem::path& tree, const Listing& listing) const {
  auto lock = lock_contents(LOCK_SH);
  if (!is_there(environment_path(id))) {
    throw NotFoundError(fmt::format("the environment {} is not built; run ninja", id.short_hex()));
  }
  make_directory_if_missing(root_ / "sysroots");
  // Those of older versions shared their files with layers and have no listing.
  ::rename(sysroot_path(id).c_str(), (tree.parent_path() / "old-sysroot").c_str());
  rename_new(tree, sysroot_path(id));
  publish_file(staging_path(), sysroot_listing_path(id), listing.id().hex() + "\n" + listing.text(), Durable::no);
}

std::optional<StepRecord> Store::record(const StepKey& key) const {
  auto text = read_file_if_exists(step_path(key));
  if (!text) return std::nullopt;
  return StepRecord::parse(*text, key, fmt::format("\"{}\"", escaped_utf8(step_path(key).native())));
}

StepRecord Store::input_record(const StepKey& key) const {
  auto found = record(key);
  if (found) return std::move(*found);
  throw StepError(fmt::format("the input step {} has no record in the store \"{}\"; run ninja again", key.short_hex(),
                              escaped_utf8(root_.native())));
}

void Store::add_record(const StepRecord& record) const {
  struct {
    const Store& store;
    bool operator()(const BlobOutput& output) const { return store.has_blob(output.blob); }
    bool operator()(const LayerOutput& output) const { return store.has_layer(output.layer); }
    bool operator()(const EnvironmentOutput& output) const {
      return is_there(store.environment_path(output.environment));
    }
  } present{*this};
  auto key = record.step.key();
  auto lock = lock_contents(LOCK_SH);
  if (!std::visit(present, record.output)) {
    throw StepError(fmt::format("{} step {}: its output was removed from the store meanwhile; run ninja again",
                                text(record.step.kind), key.short_hex()));
  }
  publish_file(staging_path(), step_path(key), record.text(), Durable::no);
  ::unlink((root_ / "absent" / key.hex()).c_str());  // it was made here (absent.hpp)
}

}  // namespace karapace::store
