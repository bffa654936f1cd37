// SPDX-License-Identifier: Apache-2.0
// What karapace-registry does for each of its verbs (request.hpp).
#pragma once

#include "exchange/request.hpp"

namespace karapace::exchange {

/// What there is in a place that is to be a cache.
LookAnswer look(const LookRequest& request);

/// From the first cache that has the environment and is believed. One that is down, slow, wrong or hostile is warned of
/// and passed over. Moves the process into the store's user namespace.
TakeAnswer take(const TakeRequest& request);

PruneAnswer prune(const PruneRequest& request);

/// The environment of an image. RemoteError when it is not believed: it is named by a tag, and not enough keys signed
/// it. Moves the process into the store's user namespace.
PullAnswer pull(const PullRequest& request);

/// Signs and sends what is not there. RemoteError when it can not be sent.
OfferAnswer offer(const OfferRequest& request);
PushAnswer push(const PushRequest& request);

}  // namespace karapace::exchange
