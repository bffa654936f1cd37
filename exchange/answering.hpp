// SPDX-License-Identifier: Apache-2.0
// What karapace-registry does for each of its verbs (request.hpp).
#pragma once

#include "exchange/opening.hpp"
#include "exchange/request.hpp"

namespace karapace::exchange {

/// What there is in a place that is to be a cache.
LookAnswer look(const Places& places, const LookRequest& request);

/// From the first cache that has the environment and is believed. One that is down, slow, wrong or hostile is warned of
/// and passed over. Moves the process into the store's user namespace.
TakeAnswer take(const Places& places, const TakeRequest& request);

ChallengeAnswer challenge(const Places& places, const ChallengeRequest& request);

PruneAnswer prune(const Places& places, const PruneRequest& request);

/// The environment of an image. RemoteError when it is not believed: it is named by a tag, and not enough keys signed
/// it. Moves the process into the store's user namespace.
PullAnswer pull(const Places& places, const PullRequest& request);

/// What an image rests on, as far as that is beside it. Nothing of it comes into a store. RemoteError when there is no
/// such image.
VerifyAnswer verify(const Places& places, const VerifyRequest& request);

/// Signs and sends what is not there. RemoteError when it can not be sent.
OfferAnswer offer(const Places& places, const OfferRequest& request);
PushAnswer push(const Places& places, const PushRequest& request);

}  // namespace karapace::exchange
