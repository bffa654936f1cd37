// SPDX-License-Identifier: Apache-2.0
// PackageFamily: what the packages of one family have to themselves: how an archive becomes an unpacked package, and
// how unpacked packages become part of a system. A family is a row of a table; the rest of runtime/ is the same for all
// of them, but for rows of tables: what is canonical, remade, or made at first entry is a path of some package.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/steps/layer_build.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/steps/unpacked_package.hpp"
#include "runtime/trees/archive_reader.hpp"
#include "runtime/trees/composition.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "runtime/trees/tree_writer.hpp"

namespace karapace::steps {

/// A package on its way into a layer. `writer` writes below the directory `tree`.
struct PackageArchive {
  trees::TreeWriter& writer;
  int tree;
  trees::ByteSource source;
  std::string label;  // for messages
};

/// Packages on their way into a system.
struct Installation {
  const StepContext& context;
  const trees::LayerStack& lower;         // the system, or nothing: a bootstrap
  trees::Composition& tree;               // what is added to it
  std::vector<UnpackedPackage> packages;  // in the lock's order
  std::int64_t epoch = 0;                 // SOURCE_DATE_EPOCH, seconds
};

struct PackageFamily {
  std::string_view name;  // the parameter `format` of `unpack` and `install`: "deb"
  /// Variables for all commands of a build, so that the family's tools ask nobody.
  std::span<const std::pair<std::string_view, std::string_view>> variables;

  /// Writes `data/` and `meta/` and returns what becomes meta/package.json. StepError with the label for what the
  /// family's own tools refuse.
  PackageMeta (*unpack)(PackageArchive archive);
  /// Composes into the tree what can be composed, by the family's rules for files that several packages have, and
  /// returns the commands that do the rest. Where some packages must be ready before others are unpacked, the commands
  /// do it in waves.
  LayerBuildPlan (*install)(Installation installation);
  /// Whether the family's tools open what stands at this resolved path: for a FIFO they would wait for ever.
  bool (*opens)(std::string_view path) noexcept;
};

std::span<const PackageFamily> package_families() noexcept;
/// StepError when there is none of this name.
const PackageFamily& package_family(std::string_view name);
bool is_opened_by_a_family(std::string_view path) noexcept;

}  // namespace karapace::steps
