// SPDX-License-Identifier: Apache-2.0
// Store: one directory per user that holds what steps made (docs/store.md).
//
//   version            "karapace store 2", and what the store is (store_identity.hpp)
//   lock               held shared by every process that uses the store, exclusively by `migrate`
//   blobs/<blob>       immutable byte strings
//   layers/<layer>/    tree/ and listing: immutable directory trees
//   steps/<key>        step records: Ninja's outputs
//   absent/<key>       marks of records whose outputs are not here and nobody misses (absent.hpp)
//   environments/<id>  immutable environment records (JSON)
//   roots/<hash>       projects: which environment a manifest stands for, and the steps it needs; gc's roots
//   roots.index        of all roots what is asked most (root_index.hpp); bases.index: the bases of environments, for
//                      `list`
//   instances/<id>/    named, mutable uses of an environment (instance.hpp); names/<name>: their names
//   graphs/<hash>/     what the edges of a graph read besides their inputs (graph_files.hpp)
//   links/<name>       links to step records: outputs of build systems that remove their outputs
//   logs/<key>         what a step printed, for people
//   signatures/<id>/   what keys say of an environment (proof/kept_signatures.hpp)
//   failed/<key>/      what a failed step left for `karapace debug` (runtime/sandbox/debug_state.hpp)
//   fetch/<name>/      the socket of a running karapace-transfer (remote/shared_transfers.hpp)
//   locks/<name>       flock(2) files, one per output
//   staging/<random>/  work in progress; garbage when nobody holds its lock
//
// Contents appear by rename(2), whole or not at all; a crash leaves garbage only in staging/. The store's directory
// is its owner's alone (mode 0700): trees in it may hold set-id files.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/file_lock.hpp"
#include "store/identifiers.hpp"
#include "store/listing.hpp"
#include "store/staging.hpp"
#include "store/step.hpp"

namespace karapace::store {

class Store {
 public:
  enum class Access { read_only, update, create };
  /// Opens the store; `create` makes it when there is none, also of an empty directory. StoreError when it is of a
  /// newer version, not a store, another user's, open to other users (mode 0700 is wanted), or not readable (writable
  /// for `update` and `create`); with `read_only` and `update`, NotFoundError when there is none. Right inside and
  /// outside our user namespaces. `read_only` is enough for sessions (find_instance, use_environment, use_instance).
  /// What was written before the machine was restarted is checked first (power_failure.hpp), unless the caller does.
  enum class AfterPowerFailure { check, leave };
  static Store open(const std::filesystem::path& root, Access access,
                    AfterPowerFailure after = AfterPowerFailure::check);
  /// Of whatever version and without a look, for who holds it exclusively (migration.hpp).
  static Store unchecked(const std::filesystem::path& root) { return Store(root, nullptr); }
  /// --store, else KARAPACE_STORE, else $XDG_DATA_HOME/karapace, else $HOME/.local/share/karapace. Absolute.
  static std::filesystem::path default_root(std::string_view option = {});

  const std::filesystem::path& root() const noexcept { return root_; }
  /// Whether anything can be made in it: false on a read-only file system, and where the modes forbid it to this user.
  bool writable() const;
  std::filesystem::path blob_path(const BlobId& id) const;
  std::filesystem::path layer_tree(const LayerId& id) const;
  std::filesystem::path listing_path(const LayerId& id) const;
  std::filesystem::path step_path(const StepKey& key) const;
  std::filesystem::path log_path(const StepKey& key) const;
  std::filesystem::path failed_path() const;
  std::filesystem::path environment_path(const EnvironmentId& id) const;
  /// The merged tree of an environment's layers, for compilers (runtime/steps/sysroot.hpp); made on demand.
  std::filesystem::path sysroot_path(const EnvironmentId& id) const;
  std::filesystem::path instances_path() const;
  std::filesystem::path roots_path() const;
  std::filesystem::path staging_path() const;

  /// A directory for work that reads nothing of the store but what the caller protects otherwise.
  Staging stage() const;
  /// The same for the work of a step: while the staging lives, gc keeps the records of the step's inputs, what they
  /// name, and what the step itself adds before its record. Call it before reading the inputs. StepError, telling to
  /// run ninja again, when an input has no record.
  Staging stage(const Step& step) const;
  /// Exclusive lock on one output, so that two processes do not make it twice. Waits.
  FileLock lock_output(std::string_view name) const;

  bool has_blob(const BlobId& id) const;
  /// Moves a finished, fsynced file from a staging directory into blobs/. The caller vouches for the id (it hashed
  /// while writing). A blob that exists already is kept, and the file removed.
  void add_blob(const BlobId& id, const std::filesystem::path& finished_file) const;
  /// Opens a blob for reading. StoreError when it is missing.
  Fd open_blob(const BlobId& id) const;

  bool has_layer(const LayerId& id) const;
  /// Moves `tree` (a directory below a staging directory) into layers/ and writes its listing. The caller vouches
  /// that the listing is the tree's. An existing layer of this id is kept and `tree` left where it is.
  LayerId add_layer(const std::filesystem::path& tree, const Listing& listing, const Staging& staging) const;
  /// Reads and verifies (id = BLAKE3 of the text). StoreError when missing or damaged.
  Listing listing(const LayerId& id) const;

  bool has_sysroot(const EnvironmentId& id) const;
  /// Its digest and what is in it, for verify-store.
  std::filesystem::path sysroot_listing_path(const EnvironmentId& id) const;
  /// Moves a finished tree into sysroots/. NotFoundError when the environment has gone meanwhile: gc takes both.
  void add_sysroot(const EnvironmentId& id, const std::filesystem::path& tree, const Listing& listing) const;

  /// Nothing when the step has no record.
  std::optional<StepRecord> record(const StepKey& key) const;
  /// The record of an input; StepError telling to run ninja again when it is missing.
  StepRecord input_record(const StepKey& key) const;
  /// StepError when an output is not in the store (it was collected since the step looked): run ninja again.
  void add_record(const StepRecord& record) const;

  /// Held (shared) for the moments in which something appears in the store, and (exclusive) for the moment in which gc
  /// or a repair takes something away. Never held while work is done.
  FileLock lock_contents(int mode) const;

 private:
  Store(std::filesystem::path root, std::shared_ptr<const FileLock> use)
      : root_(std::move(root)), use_(std::move(use)) {}
  std::filesystem::path root_;
  std::shared_ptr<const FileLock> use_;  // kept from being migrated
};

}  // namespace karapace::store
