// SPDX-License-Identifier: Apache-2.0
// What destinations of hosts remember (kept_records.hpp), and what they shall remember when they got what is here.
//
// Links are chosen here, there and at other destinations that bring something to the same host. brought.json says, for
// each of these, what it wished for last: a choice that is as it was brought goes with the one who brought it, every
// other stays. It says, too, which builds had the names of versions, so that one that gets another build is told of.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "release/destination.hpp"
#include "release/kept_records.hpp"

namespace karapace::release {

inline constexpr auto brought_file = "brought.json";

/// Names of versions, in full, and the SHA-256 of the release.json of each.
using Builds = std::map<std::string, std::string>;

/// Of a destination that brings what it has to hosts.
struct SenderRecords {
  std::string id;  // nobody else's, also when the destination was copied; "": it has none yet
  LinkWishes wishes;
  UsedIds used;
  Builds builds;
};
enum class SenderId { look, make };
/// All but `builds`. StoreError when an id is beyond `most_builds`: hosts would refuse it.
SenderRecords sender_records(const Destination& destination, SenderId id);

struct HostRecords {
  LinkWishes wishes;
  UsedIds used;
  struct Brought {
    std::map<std::string, Wishes> manifest;  // by senders
    std::map<std::string, Wishes> chosen;    // by senders
    Builds builds;
    auto operator<=>(const Brought&) const = default;
  } brought;
  std::set<std::string> unequal;  // those that are missing, damaged or another beside their copy
};

/// As RemoteState has them, read as Destination reads its own. StoreError when links or ids can not be read from either
/// of both copies, and when ids are far above those that were `used` here: one host would use them up for all.
HostRecords host_records(const std::string& host, const std::map<std::string, std::string>& texts, const UsedIds& used);

/// What other senders brought stays as it is, or goes with what is wished for here.
enum class OthersChoices { stay, are_taken_over };

/// What shall be there besides: `here`, and the builds of the versions that the host has then.
HostRecords merged(const HostRecords& there, const SenderRecords& here, const Builds& builds_there,
                   OthersChoices choices);

/// Whether a version that the host has not was, or may have been, another build there.
bool had_another_build(const HostRecords& there, const std::string& version, const std::string& build);

/// Name -> text of those that are to be written.
std::map<std::string, std::string> changed_records(const HostRecords& there, const HostRecords& wanted);

}  // namespace karapace::release
