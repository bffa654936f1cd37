// SPDX-License-Identifier: Apache-2.0
// Chain: what an environment rests on, link by link, from the keys of the archives to the files of its layers, checked
// as far as what proves it is here. Nothing is downloaded.
//
// A link is verified, absent (what would prove it is not here: nothing is said), or broken. One broken part breaks its
// link, one absent part makes it absent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.hpp"
#include "generator/resolve/evidence.hpp"
#include "proof/signing/trust.hpp"
#include "store/environment.hpp"
#include "store/tree_walk.hpp"

namespace karapace::proof {

enum class LinkKind : std::uint8_t {
  archive,    // the archives' keys signed the Releases that the lock names
  index,      // the Releases vouch for the indexes in the lock, and those for its packages
  lock,       // the environment is what its lock says
  package,    // the packages have the SHA-256 of the lock
  record,     // the steps that made it are those of the lock, each with its record
  layer,      // what the steps made is what the records say, file by file
  signature,  // somebody who is trusted signed it
  image,      // the image is of that environment: what is there of it has the digests of its manifest
};
inline constexpr std::size_t link_kinds = 8;
std::string_view text(LinkKind kind) noexcept;

enum class LinkState : std::uint8_t { verified, absent, broken };
inline constexpr std::size_t link_states = 3;
std::string_view text(LinkState state) noexcept;

/// A part of a link that is not verified.
struct Finding {
  LinkState state{};
  std::string subject;  // "package git 1:2.39.5-0+deb12u2"
  std::string reason;   // a clause for people, with the remedy
  auto operator<=>(const Finding&) const = default;
};

struct Link {
  LinkKind kind{};
  std::size_t verified = 0;  // parts
  std::string note = {};     // for people: what these are
  std::vector<Finding> findings = {};
  LinkState state() const noexcept;
};

/// A file that a lock pins by its SHA-256.
struct PinnedFile {
  std::string name;  // for people: "package git 1:2.39.5-0+deb12u2"
  Sha256 sha256;
  std::uint64_t size = 0;
};
/// Its packages, and what the base is made of.
std::vector<PinnedFile> pinned_files(const lock::Lock& lock);

struct ChainOptions {
  /// What is known of the archives; of repositories that it does not tell of, nothing is.
  std::vector<resolve::EvidencePart> evidence = {};
  std::vector<signing::NamedKey> keys = {};  // known: whose signatures can be judged
  /// How many of `keys` have to agree; 0: signatures are told, and their lack is no fault.
  unsigned agree = 0;
  store::Owners owners = store::Owners::from_disk;
  unsigned threads = 1;
};

/// The links `archive` and `index`; absent for `subject` when nothing is known of them.
std::vector<Link> repository_links(const std::vector<resolve::EvidencePart>& evidence, const std::string& subject,
                                   const std::string& nothing_known);

/// All links but `image` in the order of LinkKind. StoreError when the environment's record or its lock can not be read
/// at all. Runs inside the user namespace, where every file can be read.
std::vector<Link> examine_chain(const store::Store& store, const store::Environment& environment,
                                const ChainOptions& options);

}  // namespace karapace::proof
