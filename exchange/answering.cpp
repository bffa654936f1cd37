// SPDX-License-Identifier: Apache-2.0
#include "exchange/answering.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include <fmt/format.h>
#include <sys/utsname.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "exchange/asking.hpp"
#include "exchange/challenge.hpp"
#include "exchange/offering.hpp"
#include "exchange/opening.hpp"
#include "exchange/pruning.hpp"
#include "exchange/sent_blobs.hpp"
#include "exchange/taking.hpp"
#include "exchange/verifying.hpp"
#include "proof/kept_signatures.hpp"
#include "remote/oci/image_location.hpp"
#include "runtime/sandbox/store_namespace.hpp"

namespace karapace::exchange {

namespace {

void warn(std::string_view message) { fmt::print(stderr, "karapace: warning: {}\n", printable(message)); }

/// Tells, once, what is being waited for, when that takes longer than a person expects.
class SlowNotice {
 public:
  explicit SlowNotice(std::string what)
      : thread_([what = std::move(what)](const std::stop_token& stop) {
          std::mutex mutex;
          std::unique_lock lock(mutex);
          std::condition_variable_any never;
          never.wait_for(lock, stop, std::chrono::seconds(2), [] { return false; });
          if (!stop.stop_requested()) fmt::print(stderr, "karapace: waiting for {}\n", printable(what));
        }) {}

 private:
  std::jthread thread_;
};

/// In Go's words, as images have it.
oci::Platform own_platform() {
  utsname names{};
  const std::string machine = ::uname(&names) == 0 ? names.machine : "";
  const auto known = std::map<std::string, std::string>{
      {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i686", "386"}, {"armv7l", "arm"}, {"ppc64le", "ppc64le"}};
  const auto found = known.find(machine);
  return {.os = "linux", .architecture = found == known.end() ? machine : found->second};
}

/// For `karapace verify`, which then knows why it was believed.
void keep_signatures(const store::Store& store, const Believed& believed) {
  for (const auto& signer : believed.signers) {
    const auto is_its = [&](const auto& envelope) { return signing::is_signed_by(envelope, signer.key); };
    const auto envelope = std::find_if(believed.envelopes.begin(), believed.envelopes.end(), is_its);
    if (envelope != believed.envelopes.end())
      proof::keep_signature(store, believed.artifact.environment, *envelope, signer.key);
  }
}

std::optional<TakeAnswer> take_from(const Places& places, const store::Store& store, const Cache& cache,
                                    const Wanted& wanted) {
  const auto trust = trust_of(cache);
  std::optional<SlowNotice> slow(std::in_place, "the cache " + cache.name);
  const auto repository = places.open_cache(cache.location, oci::Access::read);
  const auto believed = find_believed(*repository, wanted, trust, [&](const std::string& warning) {
    warn(fmt::format("the cache {}: {}", cache.name, warning));
  });
  slow.reset();
  if (!believed) return std::nullopt;
  const auto taken = take_environment(store, *repository, believed->artifact, believed->bundle, "from " + cache.name);
  keep_signatures(store, *believed);
  return TakeAnswer{cache.name, taken.layers, taken.bytes, taken.steps};
}

}  // namespace

LookAnswer look(const Places& places, const LookRequest& request) {
  const auto repository = places.open_cache(request.location, oci::Access::read);
  LookAnswer answer{.name = repository->name()};
  for (const auto& tag : repository->tags())
    if (const auto parts = parse_cache_tag(tag)) ++answer.environments[parts->key_id];
  return answer;
}

PruneAnswer prune(const Places& places, const PruneRequest& request) {
  places.open_cache(request.location, oci::Access::read);  // what is no cache does not become one
  const auto repository = places.open_cache(request.location, request.dry_run ? oci::Access::read : oci::Access::write);
  return prune(*repository, request, std::time(nullptr), warn);
}

TakeAnswer take(const Places& places, const TakeRequest& request) {
  const auto store = store::Store::open(request.store, store::Store::Access::create);
  sandbox::enter_namespace_for(store);
  for (const auto& cache : request.caches) {
    if (cache.keys.empty()) continue;
    try {
      if (const auto answer = take_from(places.impatient(), store, cache, {request.environment, request.step, {}}))
        return *answer;
    } catch (const Error& error) {
      warn(fmt::format("the cache {} is of no use now: {}", cache.name, error.what()));
    }
  }
  return {};
}

namespace {

signing::Trust trust_of(const PullRequest& request) {
  return exchange::trust_of({.name = "pull", .location = {}, .keys = request.keys, .agree = request.agree});
}

/// What an image says of itself.
EnvironmentId environment_of(const oci::FoundImage& found, const std::string& place) {
  const auto environment = environment_in(found.image.annotations);
  if (!environment)
    throw RemoteError(fmt::format(
        "{} is no image of an environment of Karapace; as a base it can be used: image = \"oci:{}\" in [base]", place,
        place));
  return *environment;
}

/// Neither a tag nor a digest says who made it: the records count for every environment of this store that has the same
/// steps, so a key has to have signed them, and for this very image.
Believed believed_of(oci::ImageRepository& repository, const PullRequest& request, const oci::FoundImage& found) {
  const auto environment = environment_of(found, request.location);
  const auto image = Sha256::from_hex(found.manifest.digest.hex());
  if (found.manifest.digest.algorithm() != oci::Algorithm::sha256 || !image)
    throw RemoteError(fmt::format("{} names its image by {}, and signatures are over SHA-256: push it again",
                                  repository.name(), found.manifest.digest.text()));
  const auto trust = trust_of(request);
  const auto artifacts = artifacts_beside(repository, found.manifest.digest, environment, &trust.keys, warn);
  if (!artifacts.is_any)
    throw RemoteError(
        fmt::format("{} has the image, but not the records of its environment: push it with them", repository.name()));
  return judge(repository, artifacts.found, trust, {environment, {}, image}, warn);
}

}  // namespace

PullAnswer pull(const Places& places, const PullRequest& request) {
  const auto store = store::Store::open(request.store, store::Store::Access::create);
  sandbox::enter_namespace_for(store);
  const auto place = oci::ImageLocation::parse(request.location);
  const auto repository = places.open(place, oci::Access::read);
  const auto name = oci::name_in(*repository, place);
  const auto found = oci::find_image(*repository, name, own_platform());
  const auto believed = believed_of(*repository, request, found);
  const auto taken = take_environment(store, *repository, believed.artifact, believed.bundle, "pulling");
  keep_signatures(store, believed);
  PullAnswer answer{.environment = believed.artifact.environment,
                    .image = found.manifest.digest.text(),
                    .signers = {},
                    .layers = taken.layers,
                    .bytes = taken.bytes,
                    .steps = taken.steps};
  for (const auto& key : believed.signers) answer.signers.push_back(key.name);
  return answer;
}

VerifyAnswer verify(const Places& places, const VerifyRequest& request) {
  const auto place = oci::ImageLocation::parse(request.location);
  const auto repository = places.open(place, oci::Access::read);
  const auto name = oci::name_in(*repository, place);
  return verify_image(*repository, oci::find_image(*repository, name, own_platform()), request);
}

OfferAnswer offer(const Places& places, const OfferRequest& request) {
  const auto store = store::Store::open(request.store, store::Store::Access::update);
  const auto repository = places.open_cache(request.location, request.dry_run ? oci::Access::read : oci::Access::write);
  SentBlobs known(request.sent_blobs, oci::ImageLocation::parse(request.location), request.near);
  return offer_environment(store, *repository, request, known);
}

PushAnswer push(const Places& places, const PushRequest& request) {
  const auto store = store::Store::open(request.store, store::Store::Access::update);
  const auto place = oci::ImageLocation::parse(request.location);
  const auto repository = places.open(place, request.dry_run ? oci::Access::read : oci::Access::write);
  SentBlobs known(request.sent_blobs, place, request.near);
  return push_environment(store, *repository, place.name.value_or(*oci::Tag::parse("latest")), request, known);
}

ChallengeAnswer challenge(const Places& places, const ChallengeRequest& request) {
  const auto store = store::Store::open(request.store, store::Store::Access::update);
  sandbox::enter_namespace_for(store);
  return challenge_environment(places, store, request);
}

}  // namespace karapace::exchange
