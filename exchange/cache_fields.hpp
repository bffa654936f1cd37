// SPDX-License-Identifier: Apache-2.0
// The fields of a cache, in the user's file and in what karapace-registry is asked.
#pragma once

#include "base/json/record.hpp"
#include "exchange/cache_list.hpp"

namespace karapace::exchange {

inline constexpr auto cache_fields =
    fields_of<Cache>(member("agree", &Cache::agree), member("keys", &Cache::keys), member("location", &Cache::location),
                     member("name", &Cache::name));

}  // namespace karapace::exchange
