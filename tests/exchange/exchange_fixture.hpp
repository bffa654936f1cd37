// SPDX-License-Identifier: Apache-2.0
// Environments of stores that never ran a step, keys, and a layout that they are sent to.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "exchange/asking.hpp"
#include "exchange/offering.hpp"
#include "exchange/taking.hpp"
#include "generator/graph/pack_plan.hpp"
#include "generator/lock/lock.hpp"
#include "proof/signing/key_files.hpp"
#include "remote/oci/image_location.hpp"
#include "remote/sha256.hpp"
#include "runtime/steps/step_context.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::exchange {
using store::Store;

inline lock::Lock archive_lock(const std::string& name, const std::string& architecture = "amd64") {
  lock::Lock lock;
  const auto sha256 = remote::Sha256Hasher().update(name).finish();
  lock.request.base_image = "sha256:" + sha256.hex();
  lock.architecture = architecture;
  lock.archive = lock::LockedArchive{sha256, name.size()};
  return lock;
}

class ExchangeTest : public store::StoreTest {
 protected:
  ExchangeTest() {
    for (const char* name : {"ann", "bob", "eve"}) signing::make_key(keys_, name);
  }

  Store new_store(const std::string& name) { return Store::open(temporary_.path() / name, Store::Access::create); }

  enum class Source { made_up, download };  // downloads are what is kept with `--sources`

  /// What a machine that is well, or one that puts something else in, makes of one lock.
  store::Environment build(const Store& store, const std::string& name, const std::string& content,
                           const std::string& architecture = "amd64") {
    return build_stack(store, name, {content}, Source::made_up, architecture);
  }
  /// The same of several layers, bottom first.
  store::Environment build_stack(const Store& store, const std::string& name, const std::vector<std::string>& contents,
                                 Source source = Source::made_up, const std::string& architecture = "amd64") {
    const auto lock = lock::serialise(archive_lock(name, architecture));
    const auto lock_record = store::fetch(store, lock);
    std::vector<StepKey> inputs;
    for (const auto& content : contents) {
      const auto part = inputs.empty() ? name : fmt::format("{}-{}", name, inputs.size());
      const auto fetched = source == Source::download ? download(store, part) : fetch(store, part);
      const auto step = Step::normalised(StepKind::unpack, {{"format", "tar"}}, {fetched});
      store.add_record({step, LayerOutput{add_layer(store, step, content)}});
      inputs.push_back(step.key());
    }
    inputs.push_back(lock_record.step.key());
    store::Environment environment{EnvironmentId(blake3(lock)), {}, {}, lock_record.blob().blob, {}};
    const auto step = Step::normalised(
        StepKind::environment, {{"lock", environment.id.hex()}, {"runtime", environment.runtime.text()}}, inputs);
    const auto staging = store.stage(step);
    const auto made =
        steps::environment({.store = store, .staging = staging, .step = step, .key = step.key(), .hints = {}});
    store.add_record({step, made});
    return *store::find_environment(store, environment.id);
  }

  /// With the SHA-256 that it has.
  static StepKey fetch(const Store& store, const std::string& content) {
    const auto step = store::fetch_step_of(content);
    const auto staging = store.stage(step);
    const BlobOutput output{BlobId(blake3(content)), remote::Sha256Hasher().update(content).finish(), content.size()};
    write_file_atomically(staging.path() / "file", content, Durable::no);
    store.add_blob(output.blob, staging.path() / "file");
    store.add_record({step, output});
    return step.key();
  }

  static StepKey download(const Store& store, const std::string& content) {
    const auto sha256 = remote::Sha256Hasher().update(content).finish();
    const auto step =
        Step::normalised(StepKind::fetch, {{"sha256", sha256.hex()}, {"size", fmt::to_string(content.size())}}, {});
    const auto staging = store.stage(step);
    write_file_atomically(staging.path() / "file", content, Durable::no);
    const BlobOutput output{BlobId(blake3(content)), sha256, content.size()};
    store.add_blob(output.blob, staging.path() / "file");
    store.add_record({step, output});
    return step.key();
  }

  static LayerId add_layer(const Store& store, const Step& step, const std::string& content) {
    const auto staging = store.stage(step);
    const auto tree = staging.path() / "tree";
    make_directory(tree);
    make_directory(tree / "bin");
    write_file_atomically(tree / "bin/program", content, Durable::no);
    for (const auto& path : {tree / "bin/program", tree / "bin", tree}) {
      const timespec times[2] = {{1000, 0}, {1000, 0}};
      ::utimensat(AT_FDCWD, path.c_str(), times, 0);
    }
    return store.add_layer(tree, store::scan_path(tree), staging);
  }

  void pack(const Store& store, const store::Environment& environment, const graph::PackOptions& options = {}) {
    for (const auto& pack : graph::plan_packs(store.input_record(environment.step).step, options)) {
      if (store.record(pack.key)) continue;
      const auto staging = store.stage(pack.step);
      const auto made =
          steps::pack({.store = store, .staging = staging, .step = pack.step, .key = pack.key, .hints = {}});
      store.add_record({pack.step, made});
    }
  }

  OfferAnswer offer(const Store& store, const store::Environment& environment, const std::string& key) {
    pack(store, environment);
    const OfferRequest request{store.root(), environment.id, cache_, keys_ / (key + ".key"), "zstd"};
    SentBlobs known;
    return offer_environment(store, *open(oci::Access::write), request, known);
  }

  PushAnswer push(const Store& store, const store::Environment& environment, const std::string& key,
                  const std::string& tag = "dev") {
    pack(store, environment);
    PushRequest request{
        .store = store.root(), .environment = environment.id, .location = {}, .key = {}, .compression = "zstd"};
    if (!key.empty()) request.key = keys_ / (key + ".key");
    SentBlobs known;
    return push_environment(store, *open(oci::Access::write), oci::Tag::parse(tag).value(), request, known);
  }

  std::unique_ptr<oci::ImageRepository> open(oci::Access access = oci::Access::read) {
    return oci::open_repository(oci::ImageLocation::parse(cache_), access, {});
  }

  signing::Trust trust(const std::vector<std::string>& names, unsigned agree = 1) {
    signing::Trust trust{{}, agree};
    for (const auto& name : names) trust.keys.push_back(signing::find_public_key(keys_, name));
    return trust;
  }

  std::optional<Believed> find(const store::Environment& environment, const signing::Trust& trust) {
    warnings_.clear();
    return find_believed(*open(), {environment.id, environment.step, {}}, trust,
                         [&](const std::string& warning) { warnings_ += warning + '\n'; });
  }

  Taken take(const Store& store, const Believed& believed) {
    return take_environment(store, *open(), believed.artifact, believed.bundle, {});
  }

  /// As if nobody had touched it since.
  static void age(const std::filesystem::path& path) {
    const timespec long_ago[2] = {{1000, 0}, {1000, 0}};
    ::utimensat(AT_FDCWD, path.c_str(), long_ago, 0);
  }
  void age_all_blobs() {
    for (const auto& file : std::filesystem::directory_iterator(temporary_.path() / "cache/blobs/sha256")) age(file);
  }

  std::filesystem::path blob_of(const oci::Descriptor& blob) {
    return temporary_.path() / "cache/blobs/sha256" / blob.digest.hex();
  }

  std::filesystem::path keys_ = temporary_.path() / "keys";
  std::string cache_ = "oci-layout:" + (temporary_.path() / "cache").native();
  std::string warnings_;
};

}  // namespace karapace::exchange
