// SPDX-License-Identifier: Apache-2.0
// Canonical outputs: what commands leave behind that would differ from one machine or day to the next, as data.
//
// The rules apply only to what commands made or changed: what packages or a base ship stays as it is, also with another
// owner or mode, and when a command removes it, it is gone. Whatever they do not cover is found by building twice.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace karapace::steps {

enum class CanonicalAction {
  drop,            // left out of the layer
  at_first_entry,  // the same, and told of: each instance has its own, made then
  empty,           // kept with its mode, without content
  shadow_days,     // shadow(5): last-change days after the epoch become the epoch's day
  key_store,       // a Java key store: moments after the epoch become the epoch
  no_maker,        // a text of Octave's: without the comment that says when and by whom it was created
  known,           // kept; only its owner can read it, and there is nothing to tell of
};

struct CanonicalRule {
  std::string_view pattern;  // path; "*" stands for any part of one name, a final "/**" for everything below
  CanonicalAction action;
  std::string_view reason;            // of `at_first_entry`: the name of an instance's secret (sandbox/first_entry.hpp)
  std::string_view link_target = {};  // only a symbolic link to this
};

std::span<const CanonicalRule> canonical_rules();
/// The first rule for this path, or null. `link_target` is empty unless a symbolic link is there.
const CanonicalRule* rule_for(std::string_view path, std::string_view link_target = {});
inline bool leaves_out(const CanonicalRule* rule) noexcept {
  return rule && (rule->action == CanonicalAction::drop || rule->action == CanonicalAction::at_first_entry);
}
bool matches(std::string_view pattern, std::string_view path);

/// The shadow file with no last change later than `epoch` (seconds).
std::string with_shadow_days(std::string_view text, std::int64_t epoch);

/// The text without a first line "# Created by Octave VERSION, TIME <USER@HOST>", which its readers do not need.
std::string without_maker(std::string_view text);

// Java key stores of the format JKS, which hold the moment at which each certificate was added.
//
// Source: sun.security.provider.JavaKeyStore: big-endian; 0xfeedfeed, version 2, a count; for each trusted certificate
// the tag 2, alias, milliseconds, type, certificate; last a SHA-1 over the password, a phrase and all before.

/// The key store with no moment later than `epoch` (seconds), protected by the default password again. A store that is
/// not of this format, holds keys, or has another password is returned as it is.
std::string with_epoch_dates(std::string_view store, std::int64_t epoch);

}  // namespace karapace::steps
