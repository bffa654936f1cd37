// SPDX-License-Identifier: Apache-2.0
// Aliases: the links of a destination by which people and launchers name a version.
//
// A pure function of the versions that are there and of what was wished for. Every link names a version itself, not
// another link: one that is exchanged never passes through a name that another one is about to leave.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace karapace::release {

/// alias -> a version in full ("1.4.2+1"), one without its build id, another alias, or "^", the highest version.
using Wishes = std::map<std::string, std::string>;

struct Aliases {
  std::map<std::string, std::string> links;  // alias -> version in full
  std::vector<std::string> unfulfilled;      // wishes for what is not there
};

/// `versions`: names of installed versions, "VERSION+N"; others are passed over. What comes of itself: "X.Y.Z" is its
/// highest build, "X.Y" and "X" the highest version of these, where pre-releases count only when there is nothing else;
/// a version of any other form is the highest build of it; "latest" is "^", "stable" is "latest". So wherever there is
/// a version there are these two. A later one of `wishes` goes before an earlier one, and all go before these. Error
/// when wishes lead in a circle, or one has the name of a version.
Aliases aliases_of(const std::vector<std::string>& versions, const std::vector<Wishes>& wishes);

/// UsageError unless it can be an alias: a word (store/release_document.hpp) that is no version with a build id.
void require_alias(const std::string& name);

}  // namespace karapace::release
