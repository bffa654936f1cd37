// SPDX-License-Identifier: Apache-2.0
// Challenge: who else made an environment, and who made something else of the same steps.
//
// Every cache is asked for what each of its keys has signed; each signed set of records is compared with those of this
// store. Where they differ, the first steps that do (whose inputs all agree) are told, and, when the other layer is in
// the cache, the files.
#pragma once

#include "exchange/opening.hpp"
#include "exchange/request.hpp"
#include "store/store.hpp"

namespace karapace::exchange {

ChallengeAnswer challenge_environment(const Places& places, const store::Store& store, const ChallengeRequest& request);

}  // namespace karapace::exchange
