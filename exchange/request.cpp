// SPDX-License-Identifier: Apache-2.0
#include "exchange/request.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json/message.hpp"
#include "exchange/cache_fields.hpp"

namespace karapace::exchange {

namespace {

constexpr auto look_request_fields = fields_of<LookRequest>(member("location", &LookRequest::location));
constexpr auto look_answer_fields =
    fields_of<LookAnswer>(member("environments", &LookAnswer::environments), member("name", &LookAnswer::name));
constexpr auto take_request_fields = fields_of<TakeRequest>(
    member("caches", &TakeRequest::caches, list_of(cache_fields)), member("environment", &TakeRequest::environment),
    member("step", &TakeRequest::step), member("store", &TakeRequest::store));
constexpr auto take_answer_fields =
    fields_of<TakeAnswer>(member("bytes", &TakeAnswer::bytes), member("cache", &TakeAnswer::cache),
                          member("layers", &TakeAnswer::layers), member("steps", &TakeAnswer::steps));
constexpr auto pull_request_fields =
    fields_of<PullRequest>(member("agree", &PullRequest::agree), member("keys", &PullRequest::keys),
                           member("location", &PullRequest::location), member("store", &PullRequest::store));
constexpr auto pull_answer_fields =
    fields_of<PullAnswer>(member("bytes", &PullAnswer::bytes), member("environment", &PullAnswer::environment),
                          member("image", &PullAnswer::image), member("layers", &PullAnswer::layers),
                          member("signers", &PullAnswer::signers), member("steps", &PullAnswer::steps));
constexpr auto challenge_request_fields = fields_of<ChallengeRequest>(
    member("caches", &ChallengeRequest::caches, list_of(cache_fields)),
    member("environment", &ChallengeRequest::environment), member("store", &ChallengeRequest::store));
constexpr auto differing_fields = fields_of<DifferingStep>(
    member("has_more_paths", &DifferingStep::has_more_paths), member("here", &DifferingStep::here),
    member("kind", &DifferingStep::kind), member("paths", &DifferingStep::paths), member("step", &DifferingStep::step),
    member("there", &DifferingStep::there));
constexpr auto witness_fields =
    fields_of<Witness>(member("cache", &Witness::cache), member("key", &Witness::key), member("name", &Witness::name),
                       member("reason", &Witness::reason), member("state", &Witness::state),
                       member("steps", &Witness::steps, list_of(differing_fields)));
constexpr auto challenge_answer_fields =
    fields_of<ChallengeAnswer>(member("witnesses", &ChallengeAnswer::witnesses, list_of(witness_fields)));
constexpr auto prune_request_fields = fields_of<PruneRequest>(
    member("dry_run", &PruneRequest::dry_run), member("keep", &PruneRequest::keep),
    member("location", &PruneRequest::location), member("most_bytes", &PruneRequest::most_bytes),
    member("older_than", &PruneRequest::older_than), member("only_kept", &PruneRequest::only_kept));
constexpr auto pruned_fields =
    fields_of<PrunedEnvironment>(member("environment", &PrunedEnvironment::environment),
                                 member("reason", &PrunedEnvironment::reason), member("tag", &PrunedEnvironment::tag));
constexpr auto prune_answer_fields = fields_of<PruneAnswer>(
    member("freed_bytes", &PruneAnswer::freed_bytes), member("kept", &PruneAnswer::kept),
    member("kept_bytes", &PruneAnswer::kept_bytes), member("removed", &PruneAnswer::removed, list_of(pruned_fields)));
constexpr auto verify_request_fields =
    fields_of<VerifyRequest>(member("agree", &VerifyRequest::agree), member("keys", &VerifyRequest::keys),
                             member("location", &VerifyRequest::location));
constexpr auto part_fields = fields_of<VerifiedPart>(member("reason", &VerifiedPart::reason, escaped_bytes),
                                                     member("state", &VerifiedPart::state),
                                                     member("subject", &VerifiedPart::subject, escaped_bytes));
constexpr auto link_fields = fields_of<VerifiedLink>(
    member("findings", &VerifiedLink::findings, list_of(part_fields)), member("link", &VerifiedLink::link),
    member("note", &VerifiedLink::note), member("verified", &VerifiedLink::verified));
constexpr auto verify_answer_fields = fields_of<VerifyAnswer>(
    member("environment", &VerifyAnswer::environment), member("image", &VerifyAnswer::image),
    member("links", &VerifyAnswer::links, list_of(link_fields)), member("lock", &VerifyAnswer::lock));
constexpr auto push_request_fields =
    fields_of<PushRequest>(member("compression", &PushRequest::compression), member("dry_run", &PushRequest::dry_run),
                           member("environment", &PushRequest::environment), member("index", &PushRequest::index),
                           member("key", &PushRequest::key), member("location", &PushRequest::location),
                           member("most_layers", &PushRequest::most_layers), member("near", &PushRequest::near),
                           member("sent_blobs", &PushRequest::sent_blobs), member("sources", &PushRequest::sources),
                           member("store", &PushRequest::store));
constexpr auto push_answer_fields = fields_of<PushAnswer>(
    member("blobs", &PushAnswer::blobs), member("bytes", &PushAnswer::bytes), member("image", &PushAnswer::image),
    member("index", &PushAnswer::index), member("layers", &PushAnswer::layers), member("mounted", &PushAnswer::mounted),
    member("platforms", &PushAnswer::platforms), member("present", &PushAnswer::present),
    member("unchanged", &PushAnswer::unchanged));
constexpr auto offer_request_fields = fields_of<OfferRequest>(
    member("compression", &OfferRequest::compression), member("dry_run", &OfferRequest::dry_run),
    member("environment", &OfferRequest::environment), member("key", &OfferRequest::key),
    member("location", &OfferRequest::location), member("near", &OfferRequest::near),
    member("sent_blobs", &OfferRequest::sent_blobs), member("sources", &OfferRequest::sources),
    member("store", &OfferRequest::store));
constexpr auto offer_answer_fields =
    fields_of<OfferAnswer>(member("blobs", &OfferAnswer::blobs), member("bytes", &OfferAnswer::bytes),
                           member("mounted", &OfferAnswer::mounted), member("present", &OfferAnswer::present),
                           member("tag", &OfferAnswer::tag), member("unchanged", &OfferAnswer::unchanged));

template <class Fields>
auto parsed(const Fields& fields, std::string_view text) {
  return parse_message(fields, text, "karapace-registry");
}

}  // namespace

std::string text(const LookRequest& request) { return json_text(look_request_fields, request); }
std::string text(const LookAnswer& answer) { return json_text(look_answer_fields, answer); }
std::string text(const ChallengeRequest& request) { return json_text(challenge_request_fields, request); }
std::string text(const ChallengeAnswer& answer) { return json_text(challenge_answer_fields, answer); }
std::string text(const PruneRequest& request) { return json_text(prune_request_fields, request); }
std::string text(const PruneAnswer& answer) { return json_text(prune_answer_fields, answer); }
std::string text(const TakeRequest& request) { return json_text(take_request_fields, request); }
std::string text(const TakeAnswer& answer) { return json_text(take_answer_fields, answer); }
std::string text(const PullRequest& request) { return json_text(pull_request_fields, request); }
std::string text(const PullAnswer& answer) { return json_text(pull_answer_fields, answer); }
std::string text(const VerifyRequest& request) { return json_text(verify_request_fields, request); }
std::string text(const VerifyAnswer& answer) { return json_text(verify_answer_fields, answer); }
std::string text(const PushRequest& request) { return json_text(push_request_fields, request); }
std::string text(const PushAnswer& answer) { return json_text(push_answer_fields, answer); }
std::string text(const OfferRequest& request) { return json_text(offer_request_fields, request); }
std::string text(const OfferAnswer& answer) { return json_text(offer_answer_fields, answer); }
LookRequest parse_look_request(std::string_view text) { return parsed(look_request_fields, text); }
LookAnswer parse_look_answer(std::string_view text) { return parsed(look_answer_fields, text); }
ChallengeRequest parse_challenge_request(std::string_view text) { return parsed(challenge_request_fields, text); }
ChallengeAnswer parse_challenge_answer(std::string_view text) { return parsed(challenge_answer_fields, text); }
PruneRequest parse_prune_request(std::string_view text) { return parsed(prune_request_fields, text); }
PruneAnswer parse_prune_answer(std::string_view text) { return parsed(prune_answer_fields, text); }
TakeRequest parse_take_request(std::string_view text) { return parsed(take_request_fields, text); }
TakeAnswer parse_take_answer(std::string_view text) { return parsed(take_answer_fields, text); }
PullRequest parse_pull_request(std::string_view text) { return parsed(pull_request_fields, text); }
PullAnswer parse_pull_answer(std::string_view text) { return parsed(pull_answer_fields, text); }
VerifyRequest parse_verify_request(std::string_view text) { return parsed(verify_request_fields, text); }
VerifyAnswer parse_verify_answer(std::string_view text) { return parsed(verify_answer_fields, text); }
PushRequest parse_push_request(std::string_view text) { return parsed(push_request_fields, text); }
PushAnswer parse_push_answer(std::string_view text) { return parsed(push_answer_fields, text); }
OfferRequest parse_offer_request(std::string_view text) { return parsed(offer_request_fields, text); }
OfferAnswer parse_offer_answer(std::string_view text) { return parsed(offer_answer_fields, text); }

}  // namespace karapace::exchange
