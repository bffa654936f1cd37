// SPDX-License-Identifier: Apache-2.0
// Why something is in the store: the ways from what people need (projects, instances, sessions, running steps) to it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/store.hpp"

namespace karapace::store {

/// What keeps, or is kept.
enum class KeptKind { project, instance, session, running_step, quarantine, environment, step, layer, blob };
std::string_view text(KeptKind kind) noexcept;

struct KeptThing {
  KeptKind kind{};
  std::string name;   // id or key in full; of a project its manifest; of an instance its id
  std::string title;  // for people: the project's name, what kind of step it is; may be empty
  auto operator<=>(const KeptThing&) const = default;
};

struct WhyKept {
  KeptThing thing;
  /// Each from what a person needs to the thing, which is last. Shortest first; one for each that needs it. Empty: the
  /// next gc removes it.
  std::vector<std::vector<KeptThing>> ways;
};

/// Of the blob, layer, step, environment or instance whose id begins so (at least 4 digits): an environment and its
/// lock are of one id, so there may be two. NotFoundError when there is none, or it is not clear which one is meant.
/// StoreError when a record is damaged.
std::vector<WhyKept> why_kept(const Store& store, std::string_view prefix);

}  // namespace karapace::store
