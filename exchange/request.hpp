// SPDX-License-Identifier: Apache-2.0
// What `karapace` asks of karapace-registry, and what that answers: JSON on its standard input and output. Progress and
// warnings are its standard error, which people see.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exchange/cache_list.hpp"
#include "store/identifiers.hpp"
#include "store/step.hpp"

namespace karapace::exchange {

/// "look": what there is in a place that is to be a cache.
struct LookRequest {
  std::string location;
};
struct LookAnswer {
  std::string name;                                        // of the place
  std::map<std::string, std::uint64_t> environments = {};  // of each signer, by its key's id
};

/// "take": an environment from the first of the caches that has it and is believed.
struct TakeRequest {
  std::filesystem::path store;
  EnvironmentId environment;
  StepKey step;  // that makes it: another release may make it by other steps
  std::vector<Cache> caches;
};
struct TakeAnswer {
  std::string cache;  // its name; empty: none had it
  std::uint64_t layers = 0;
  std::uint64_t bytes = 0;  // of these, as they came
  std::uint64_t steps = 0;  // whose records were taken over
};

/// "pull": the environment that an image was made of, with the records that travel beside it.
struct PullRequest {
  std::filesystem::path store;
  std::string location;
  std::vector<std::string> keys;  // public keys whose signatures count
  std::uint32_t agree = 1;
};
struct PullAnswer {
  EnvironmentId environment;
  std::string image;                 // its digest, "sha256:..."
  std::vector<std::string> signers;  // names of the keys that are believed; none: the reference says the digest
  std::uint64_t layers = 0;
  std::uint64_t bytes = 0;
  std::uint64_t steps = 0;
};

/// "verify": what an image rests on.
struct VerifyRequest {
  std::string location;
  std::vector<std::string> keys;  // public keys whose signatures can be judged
  std::uint32_t agree = 0;        // how many of them have to agree; 0: signatures are told, and their lack is no fault
};
struct VerifiedPart {
  std::string state;  // as proof::text(LinkState) has it
  std::string subject;
  std::string reason;
};
struct VerifiedLink {
  std::string link;  // as proof::text(LinkKind) has it
  std::uint64_t verified = 0;
  std::string note;
  std::vector<VerifiedPart> findings = {};
};
struct VerifyAnswer {
  std::string image;                              // its digest
  std::optional<EnvironmentId> environment = {};  // nothing: it is no image of an environment
  std::string lock = {};                          // the environment's; "": it is not there
  std::vector<VerifiedLink> links = {};           // those that can be judged without the archives' keys
};

/// "offer": an environment to a cache, signed.
struct OfferRequest {
  std::filesystem::path store;
  EnvironmentId environment;
  std::string location;
  std::filesystem::path key;  // the secret key's file
  std::string compression;    // of the layers, which are packed so: "zstd", "gzip"
  bool sources = false;       // the packages themselves, too
  bool dry_run = false;
  std::filesystem::path sent_blobs = {};  // as sent_blobs.hpp has it; "": not kept
  std::vector<std::string> near = {};     // places that may have layers of it, too
};
struct OfferAnswer {
  std::string tag;
  std::uint64_t blobs = 0;  // that were sent (or would be); the rest was there
  std::uint64_t bytes = 0;
  std::uint64_t present = 0;
  std::uint64_t mounted = 0;  // that another repository of the registry had
  bool unchanged = false;     // all of it was there
};

/// "push": an environment as an image, with its records beside it.
struct PushRequest {
  std::filesystem::path store;
  EnvironmentId environment;
  std::string location;
  std::optional<std::filesystem::path> key;  // the secret key's file; not signed, else
  std::string compression;                   // as above
  std::uint64_t most_layers = 0;             // of the image; 0: as many as the environment has
  bool sources = false;
  bool dry_run = false;
  std::filesystem::path sent_blobs = {};  // as above
  std::vector<std::string> near = {};
  bool index = false;  // the tag is of an index, beside images for other platforms
};
struct PushAnswer {
  std::string image;                        // its digest
  std::string index = {};                   // the index's, where there is one
  std::vector<std::string> platforms = {};  // that the index has then: "linux/arm64"; of several images that one takes
                                            // the place of, without `index`
  std::uint64_t layers = 0;
  std::uint64_t blobs = 0;  // that were sent (or would be); the rest was there
  std::uint64_t bytes = 0;
  std::uint64_t present = 0;
  std::uint64_t mounted = 0;  // that another repository of the registry had
  bool unchanged = false;
};

/// "challenge": who made the environment, too, and who made something else.
struct ChallengeRequest {
  std::filesystem::path store;
  EnvironmentId environment;
  std::vector<Cache> caches;
};
struct DifferingStep {
  StepKey step;
  std::string kind;
  std::string here;                     // "layer 3f9c..."
  std::string there;                    // the same
  std::vector<std::string> paths = {};  // that differ, where both layers are at hand; the first of them
  bool has_more_paths = false;
};
struct Witness {
  std::string cache;
  std::string key;          // its id
  std::string name;         // as it is called there
  std::string state = {};   // "agrees", "disagrees", "other-steps", "silent", "unsigned", "unusable"
  std::string reason = {};  // of what is unusable
  std::vector<DifferingStep> steps = {};
};
struct ChallengeAnswer {
  std::vector<Witness> witnesses;  // in the order of the caches and their keys
};

/// "prune": environments out of a cache.
struct PruneRequest {
  std::string location;
  std::vector<EnvironmentId> keep;          // whatever else is said
  bool only_kept = false;                   // all others go
  std::optional<std::uint64_t> older_than;  // seconds since it was pushed
  std::optional<std::uint64_t> most_bytes;  // that may be left; the oldest go first
  bool dry_run = false;
};
struct PrunedEnvironment {
  EnvironmentId environment;
  std::string tag;
  std::string reason;
};
struct PruneAnswer {
  std::uint64_t kept = 0;
  std::uint64_t kept_bytes = 0;
  std::uint64_t freed_bytes = 0;
  std::vector<PrunedEnvironment> removed = {};
};

std::string text(const LookRequest& request);
std::string text(const LookAnswer& answer);
std::string text(const ChallengeRequest& request);
std::string text(const ChallengeAnswer& answer);
std::string text(const PruneRequest& request);
std::string text(const PruneAnswer& answer);
std::string text(const TakeRequest& request);
std::string text(const TakeAnswer& answer);
std::string text(const PullRequest& request);
std::string text(const PullAnswer& answer);
std::string text(const VerifyRequest& request);
std::string text(const VerifyAnswer& answer);
std::string text(const PushRequest& request);
std::string text(const PushAnswer& answer);
std::string text(const OfferRequest& request);
std::string text(const OfferAnswer& answer);
LookRequest parse_look_request(std::string_view text);
LookAnswer parse_look_answer(std::string_view text);
ChallengeRequest parse_challenge_request(std::string_view text);
ChallengeAnswer parse_challenge_answer(std::string_view text);
PruneRequest parse_prune_request(std::string_view text);
PruneAnswer parse_prune_answer(std::string_view text);
TakeRequest parse_take_request(std::string_view text);
TakeAnswer parse_take_answer(std::string_view text);
PullRequest parse_pull_request(std::string_view text);
PullAnswer parse_pull_answer(std::string_view text);
VerifyRequest parse_verify_request(std::string_view text);
VerifyAnswer parse_verify_answer(std::string_view text);
PushRequest parse_push_request(std::string_view text);
PushAnswer parse_push_answer(std::string_view text);
OfferRequest parse_offer_request(std::string_view text);
OfferAnswer parse_offer_answer(std::string_view text);

}  // namespace karapace::exchange
