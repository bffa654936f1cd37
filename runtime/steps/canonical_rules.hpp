// SPDX-License-Identifier: Apache-2.0
// Canonical outputs: what commands leave behind that would differ from one machine or day to the next, as data.
//
// The rules apply only to what commands made or touched; files as packages ship them are never changed. Whatever they
// do not cover is found by building twice.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace karapace::steps {

enum class CanonicalAction {
  drop,           // left out of the layer
  empty,          // kept with its mode, without content
  shadow_days,    // shadow(5): last-change days after the epoch become the epoch's day
  key_store,      // a Java key store: moments after the epoch become the epoch
};

struct CanonicalRule {
  std::string_view pattern;  // path; "*" stands for any part of one name, a final "/**" for everything below
  CanonicalAction action;
  std::string_view reason;
};

std::span<const CanonicalRule> canonical_rules();
/// The first rule for this path, or null.
const CanonicalRule* rule_for(std::string_view path);
bool matches(std::string_view pattern, std::string_view path);

/// The shadow file with no last change later than `epoch` (seconds).
std::string with_shadow_days(std::string_view text, std::int64_t epoch);

}  // namespace karapace::steps
