// SPDX-License-Identifier: Apache-2.0
// Sources: mirrors.json, the file beside a graph that says from where this machine takes bytes, and how.
//
// Written by `karapace gen` (generator/resolve/mirrors.hpp has its shape), named by the hint `mirrors` of fetch edges.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace karapace::remote {

/// How to speak to servers. Absent means what libcurl does by itself (proxies from the environment).
struct TransferOptions {
  std::optional<std::string> http_proxy;  // "" or "DIRECT": none
  std::optional<std::string> https_proxy;
  std::vector<std::string> no_proxy;
  std::vector<std::string> http_registries = {};  // "registry.example:5000": spoken to in the clear
  std::optional<std::string> ca_info;
  bool verify_peer = true;
  bool verify_host = true;
  unsigned retries = 3;
  unsigned timeout_seconds = 30;  // for connecting, and without data arriving
};

/// As mirrors.json has them, for another process.
std::string options_text(const TransferOptions& options);
/// Its reverse; throws what the JSON library throws, or std::invalid_argument, when it is something else.
TransferOptions parse_options(std::string_view text);

struct Sources {
  std::map<std::string, std::vector<std::string>, std::less<>> archives;  // name -> base URLs or directories
  std::map<std::string, std::vector<std::string>, std::less<>> files;     // digest -> URLs or paths of these bytes
  /// Where packages and archives may be by their SHA-256, when nobody else has them any more: image repositories, as
  /// "oci:registry.example/team/cache", "oci-layout:/directory" or the URL of a layout.
  std::vector<std::string> blobs = {};
  TransferOptions options = {};
};

/// Strict: RemoteError naming `what` when it is not such a file.
Sources parse_sources(std::string_view text, std::string_view what);

/// Where the bytes of this digest may be had, best first: its own files, then the archive's mirrors with `path`
/// appended (percent-encoded for URLs). Empty names mean that there is none.
std::vector<std::string> locations(const Sources& sources, std::string_view digest, std::string_view archive,
                                   std::string_view path);

/// Where `blobs` would have the bytes of this SHA-256 (hex).
std::vector<std::string> blob_locations(const Sources& sources, std::string_view sha256);

/// "oci:registry.example/team/dev@sha256:…", "oci-layout:/directory@sha256:…", …: a blob of an image repository.
bool names_image_blob(std::string_view address) noexcept;

/// The path that `location` names: itself when absolute, the decoded path of a file: URL of this host; else nothing.
std::optional<std::filesystem::path> local_path(std::string_view location);

}  // namespace karapace::remote
