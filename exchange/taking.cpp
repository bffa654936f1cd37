// SPDX-License-Identifier: Apache-2.0
#include "exchange/taking.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <set>
#include <span>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/file_lock.hpp"
#include "base/parallel.hpp"
#include "base/remove_tree.hpp"
#include "exchange/blob_reading.hpp"
#include "exchange/transfer_progress.hpp"
#include "runtime/steps/archive_layer.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/trees/image_layer.hpp"
#include "store/absent.hpp"
#include "store/environment.hpp"
#include "store/pins.hpp"
#include "store/repair.hpp"

namespace karapace::exchange {

namespace {

/// Into a new directory. Whatever is wrong with the blob is the registry's fault.
store::Listing unpack_blob(const std::filesystem::path& file, const std::filesystem::path& path,
                           const std::string& label) {
  make_directory(path);
  const auto tree = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  const auto blob = open_at(AT_FDCWD, file, O_RDONLY | O_NOFOLLOW);
  const auto read = [&](std::span<char> buffer) { return read_some(blob.get(), buffer, label); };
  const auto limit = steps::unpack_limit();
  try {
    return trees::unpack_image_layer({.directory = tree.get(), .blob = read, .label = label, .byte_limit = limit})
        .listing;
  } catch (const StepError& error) {
    throw RemoteError(error.what());
  }
}

/// Where a blob comes to: a directory of staging with the blob's name, so that what is left there by who was killed, or
/// gave up, is gone on with. Locked while the value lives; gc takes it away when nobody holds it.
class Landing {
 public:
  Landing(const store::Store& store, const oci::ContentDigest& blob)
      : path_(store.staging_path() / ("blob-" + blob.hex())), lock_(lock(path_)) {}
  /// What is whole is not needed a second time.
  ~Landing() {
    try {
      if (is_whole_) remove_tree(path_);
    } catch (const Error&) {
      // What stays is garbage that gc removes.
    }
  }
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;

  std::filesystem::path download(oci::ImageRepository& repository, const oci::Descriptor& blob,
                                 const std::function<void(std::uint64_t)>& seen) {
    auto file = path_ / "layer";
    // Whole, of who was killed while it was unpacked: verified again, and not fetched again.
    ::rename(file.c_str(), (path_ / "layer.part").c_str());
    oci::download_blob(repository, blob, file, seen);
    is_whole_ = true;
    return file;
  }

 private:
  static FileLock lock(const std::filesystem::path& path) {
    for (;;) {
      if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
        throw StoreError(errno_message(fmt::format("cannot make \"{}\"", path.native()), errno));
      if (auto held = FileLock::acquire_existing(path, LOCK_EX)) return std::move(*held);
    }
  }

  std::filesystem::path path_;
  FileLock lock_;
  bool is_whole_ = false;
};

class Taking {
 public:
  Taking(const store::Store& store, oci::ImageRepository& repository, const EnvironmentArtifact& artifact,
         const RecordBundle& bundle, const std::string& label)
      : store_(store),
        repository_(repository),
        artifact_(artifact),
        bundle_(bundle),
        progress_(label, "layer"),
        staging_(store.stage()) {}

  Taken run() {
    require_agreement();
    const auto wanted = missing_layers();
    for (const auto& layer : wanted) progress_.add(layer.blob.size);
    // One is unpacked while another one is on its way.
    for_each_index(wanted.size(), std::max(2U, available_threads()), [&](std::size_t i) { take_layer(wanted[i], i); });
    take_lock();
    const auto [last, led_there] = split();
    store::add_taken_records(store_, led_there);
    make_environment(last);
    return {wanted.size(), bytes_, bundle_.records.size()};
  }

 private:
  /// What was made here is not exchanged for what others made of the same.
  void require_agreement() const {
    const auto known = store::find_environment(store_, artifact_.environment);
    if (known && known->step != bundle_.records.back().step.key())
      throw RemoteError(
          fmt::format("{}: the environment {} was built here by other steps (another release of Karapace has other "
                      "rules), and stays as it is",
                      repository_.name(), artifact_.environment.short_hex()));
    for (const auto& record : bundle_.records) {
      const auto here = store_.record(record.step.key());
      if (!here || here->output == record.output) continue;
      const bool was_made_here = !store::is_taken(store_, record.step.key());
      throw RemoteError(fmt::format(
          "{}: the step {} ({}) made something else there than {}", repository_.name(), record.step.key().short_hex(),
          text(record.step.kind),
          was_made_here
              ? fmt::format("here: `karapace challenge {}` shows what", artifact_.environment.short_hex())
              : "where what is here was taken over from: `karapace build --complete` in a project that has the "
                "step makes it here, and shows who is right"));
    }
  }

  std::vector<PackedLayer> missing_layers() const {
    const auto limit = steps::unpack_limit();
    std::vector<PackedLayer> missing;
    std::set<LayerId> seen;
    for (const auto& layer : bundle_.layers()) {
      if (!seen.insert(layer).second || is_here(layer)) continue;
      const auto is_it = [&](const PackedLayer& one) { return one.layer == layer; };
      const auto found = std::find_if(artifact_.layers.begin(), artifact_.layers.end(), is_it);
      if (found == artifact_.layers.end())
        throw RemoteError(fmt::format("{} has not the layer {} of the environment {}", repository_.name(),
                                      layer.short_hex(), artifact_.environment.short_hex()));
      if (found->blob.size > limit)
        throw RemoteError(fmt::format("{}: the layer {} has {} bytes, which is too much (KARAPACE_UNPACK_LIMIT)",
                                      repository_.name(), layer.short_hex(), found->blob.size));
      missing.push_back(*found);
    }
    return missing;
  }

  /// Then it stays: nothing but the environment that is still to come may need it.
  bool is_here(const LayerId& layer) const {
    const auto lock = store_.lock_contents(LOCK_SH);
    store::pin(store_.staging_path(), staging_.path() / "layer", "layers", layer.hex());
    return store_.has_layer(layer);
  }

  void take_layer(const PackedLayer& layer, std::size_t number) {
    // Another process may be taking it, too.
    const auto lock = store_.lock_output("layer-" + layer.layer.hex());
    if (is_here(layer.layer)) return progress_.leave_out(number);
    Landing landing(store_, layer.blob.digest);
    unpack(landing.download(repository_, layer.blob, progress_.watcher(number)), layer.layer);
    bytes_ += layer.blob.size;
    progress_.end(number);
  }

  void unpack(const std::filesystem::path& file, const LayerId& wanted) const {
    const auto label = fmt::format("{}: the layer {}", repository_.name(), wanted.short_hex());
    const auto path = staging_.path() / ("tree-" + wanted.hex());
    const auto listing = unpack_blob(file, path, label);
    if (listing.id() != wanted)
      throw RemoteError(fmt::format("{} is another one, {}: it is not used", label, listing.id().short_hex()));
    store_.add_layer(path, listing, staging_);
  }

  void take_lock() {
    const BlobId id(artifact_.environment.digest());
    if (store_.has_blob(id)) return;
    const auto text = oci::read_small_blob(repository_, artifact_.lock, longest_lock);
    if (blake3(text) != id.digest())
      throw RemoteError(fmt::format("{}: the lock is of another environment than {}", repository_.name(),
                                    artifact_.environment.short_hex()));
    const auto file = staging_.path() / "lock";
    write_file_atomically(file, text, Durable::no);
    store_.add_blob(id, file);
  }

  std::pair<StepRecord, std::vector<StepRecord>> split() const {
    auto led_there = bundle_.records;
    auto last = std::move(led_there.back());
    led_there.pop_back();
    return {std::move(last), std::move(led_there)};
  }

  /// By the step itself, which reads the records of its layers.
  void make_environment(const StepRecord& record) const {
    const auto key = record.step.key();
    const auto lock = store_.lock_output(key.hex());
    store::forget_lost_outputs(store_, {key});
    if (store_.record(key)) return;
    const auto staging = store_.stage(record.step);
    const auto made =
        steps::environment({.store = store_, .staging = staging, .step = record.step, .key = key, .hints = {}});
    store_.add_record({record.step, made});
    store::mark_taken(store_, key);
  }

  const store::Store& store_;
  oci::ImageRepository& repository_;
  const EnvironmentArtifact& artifact_;
  const RecordBundle& bundle_;
  TransferProgress progress_;
  store::Staging staging_;
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace

Taken take_environment(const store::Store& store, oci::ImageRepository& repository, const EnvironmentArtifact& artifact,
                       const RecordBundle& bundle, const std::string& label) {
  if (bundle.environment() != artifact.environment)
    throw RemoteError(fmt::format("{}: its records are of the environment {}, not of {}", repository.name(),
                                  bundle.environment().short_hex(), artifact.environment.short_hex()));
  return Taking(store, repository, artifact, bundle, label).run();
}

store::Listing listing_of(const store::Store& store, oci::ImageRepository& repository, const PackedLayer& layer) {
  const auto staging = store.stage();
  const auto file = staging.path() / "blob";
  oci::download_blob(repository, layer.blob, file);
  return unpack_blob(file, staging.path() / "tree",
                     fmt::format("{}: the layer {}", repository.name(), layer.layer.short_hex()));
}

}  // namespace karapace::exchange
