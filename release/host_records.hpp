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
  std::set<std::string> links;  // their names, whoever asks for them
};
enum class SenderId { look, make };
/// All but `builds`. Of ids those that were noted, or are of what was installed: a directory that somebody made uses up
/// none on hosts. StoreError when an id is beyond `most_builds`: hosts would refuse it.
SenderRecords sender_records(const Destination& destination, SenderId id);

struct HostRecords {
  LinkWishes wishes;
  UsedIds used;
  struct Brought {
    std::map<std::string, Wishes> manifest;  // by senders
    std::map<std::string, Wishes> chosen;    // by senders
    // While links.json is being replaced, what it said of these: whichever of both it has, it was brought.
    std::map<std::string, Wishes> manifest_before = {};
    std::map<std::string, Wishes> chosen_before = {};
    Builds builds;
    auto operator<=>(const Brought&) const = default;
  } brought;
  std::set<std::string> unequal;  // those that are missing, damaged or another beside their copy
};

/// As RemoteState has them, read as Destination reads its own. StoreError when links or ids can not be read from either
/// of both copies, and when ids are far above those that were `used` here: one host would use them up for all.
HostRecords host_records(const std::string& host, const std::map<std::string, std::string>& texts, const UsedIds& used);

/// What other senders brought stays as it is, or goes with what is wished for here, where there is a link of that name.
enum class OthersChoices { stay, are_taken_over };

/// What shall be there besides: `here`, and the builds of the versions that the host has then.
HostRecords merged(const HostRecords& there, const SenderRecords& here, const Builds& builds_there,
                   OthersChoices choices);

/// Whether a version that the host has not was, or may have been, another build there.
bool had_another_build(const HostRecords& there, const std::string& version, const std::string& build);

/// Done at a destination itself, under its lock: what is chosen there from now on is its own, though it be the same as
/// what was brought.
void forget_brought(const Destination& destination, const std::string& alias);

/// Whether the link is there as another sender brought it.
bool is_of_another_sender(const HostRecords& there, const std::string& id, const std::string& alias);

struct WrittenRecord {
  std::string file;
  std::string text;
};
/// Those that are to be written, one after the other: used_file is the first, another may stand twice. Wherever it is
/// interrupted, the next run knows what was brought.
std::vector<WrittenRecord> changed_records(const HostRecords& there, const HostRecords& wanted, const std::string& id);

}  // namespace karapace::release
