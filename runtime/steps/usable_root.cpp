// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/usable_root.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "runtime/steps/package_family.hpp"
#include "store/listing.hpp"

namespace karapace::steps {

namespace {

/// What every program of the system reads, and what installs packages: who opens a FIFO there waits for ever.
void require_no_pipes(const store::Listing& layer, const std::string& label) {
  constexpr std::array<std::string_view, 7> read_by_all = {"etc/passwd",        "etc/group",       "etc/shadow",
                                                           "etc/nsswitch.conf", "etc/ld.so.cache", "etc/ld.so.preload",
                                                           "etc/machine-id"};
  for (const auto& entry : layer.entries()) {
    const auto is_it = [&](std::string_view path) { return entry.path == path; };
    if (entry.type != store::EntryType::fifo) continue;
    if (!is_opened_by_a_family(entry.path) && std::none_of(read_by_all.begin(), read_by_all.end(), is_it)) continue;
    throw StepError(
        fmt::format("{}: refused: \"/{}\" is a FIFO, and whoever reads it would wait for ever: make it a file in the "
                    "archive, or leave it out",
                    label, escaped_utf8(entry.path)));
  }
}

}  // namespace

/// What every sandbox mounts on (runtime/sandbox/mount_plan.hpp): it refuses these, but says so late, to whoever uses
/// the environment first.
void require_usable_root(const store::Listing& layer, const std::string& label) {
  for (const char* name : {"proc", "sys", "dev", "run", "tmp"}) {
    const auto* entry = layer.find(name);
    if (!entry || entry->type == store::EntryType::directory) continue;
    throw StepError(
        fmt::format("{}: refused: \"/{}\" is {}, and sandboxes mount on it: make it a directory in the archive, or "
                    "leave it out",
                    label, name, entry->type == store::EntryType::symlink ? "a link" : "no directory"));
  }
  for (const char* name : {"etc/hosts", "etc/resolv.conf", "etc/machine-id"}) {
    const auto* entry = layer.find(name);
    if (!entry || entry->type != store::EntryType::directory) continue;
    throw StepError(
        fmt::format("{}: refused: \"/{}\" is a directory, and sandboxes put a file there: make it a file in the "
                    "archive, or leave it out",
                    label, name));
  }
  require_no_pipes(layer, label);
}

}  // namespace karapace::steps
