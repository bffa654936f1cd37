// SPDX-License-Identifier: Apache-2.0
// How an environment runs: variables, mounts, network, the project. Part of the environment's identity.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace karapace::store {

enum class MountAccess { read_write, read_only };
enum class ProjectAccess { read_write, read_only };

struct Mount {
  std::string label;
  std::string host;    // as written: absolute, "~/..." or relative to the manifest's directory
  std::string target;  // absolute path inside
  MountAccess access = MountAccess::read_write;
  auto operator<=>(const Mount&) const = default;
};

/// Where sessions must not mount anything, when the target (absolute, normalised) is such a place: what the sandbox
/// makes or writes there itself would be covered, or would be made in the mounted directory of the host. These are
/// /proc, /sys and /dev with all below; /tmp, /run, /run/lock and /etc themselves; and the files that every session
/// gets in /etc.
std::optional<std::string_view> reserved_place(std::string_view target);

/// How other engines run the environment when it is an image (OCI image specification, config.md). Sessions of our own
/// do not look at it.
struct ImageSettings {
  std::vector<std::string> entrypoint = {};
  std::vector<std::string> command = {};  // empty, and no entrypoint: a shell
  std::string working_directory = {};     // "": "/"
  std::string user = {};                  // "": root
  std::map<std::string, std::string> labels = {};
  auto operator<=>(const ImageSettings&) const = default;
};

/// How an environment runs: part of the environment's identity.
struct RuntimeConfiguration {
  std::map<std::string, std::string> variables;
  std::vector<Mount> mounts;  // sorted by label
  bool network_isolation = false;
  ProjectAccess project = ProjectAccess::read_write;  // how sessions see the project's directory
  ImageSettings image = {};
  auto operator<=>(const RuntimeConfiguration&) const = default;
  /// Canonical compact JSON, keys sorted: the `runtime` parameter of an `environment` step. Access is written where it
  /// is read-only, and of `image` what was set: what says nothing about it keeps the identity that it had before there
  /// was a choice.
  std::string text() const;
  static RuntimeConfiguration parse(std::string_view text, std::string_view what);
  /// As a part of another record: by JsonWriter and JsonReader, which this header need not know.
  template <class Writer>
  void write(Writer& json) const;
  template <class Reader>
  void read(Reader& json);
};

}  // namespace karapace::store
