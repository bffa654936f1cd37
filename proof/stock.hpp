// SPDX-License-Identifier: Apache-2.0
// Stock: a bill of materials of an environment, for programs that look for licences and known faults: SPDX 2.3 and
// CycloneDX 1.5, both in JSON.
//
// Deterministic: the same lock and the same unpacked packages give the same bytes. The time in it is that of the lock's
// newest Release, for nothing in the environment is newer; names that must be unique are made of the content.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "deb/copyright_file.hpp"
#include "generator/lock/lock.hpp"
#include "store/store.hpp"

namespace karapace::proof {

struct PackageFacts {
  lock::LockedPackage package;
  std::string name;          // in the lock: "libc6", of a foreign architecture "libc6:i386"
  std::string address;       // "pkg:deb/VENDOR/git@1:2.39.5-0%2Bdeb12u2?arch=amd64&distro=bookworm"
  bool is_unpacked = false;  // the store has it: what follows is known
  std::string maintainer = {};
  std::string homepage = {};  // "" when it has none
  std::string source = {};    // the source package's name
  std::optional<deb::LicenseExpression> license = std::nullopt;
  std::vector<std::size_t> needs = {};  // places in the list
};

struct Stock {
  lock::Lock lock;
  std::vector<PackageFacts> packages;  // those that are installed in the end, sorted by name
  std::string program_version;         // of this program: "1.0.0"
};

/// Nothing is downloaded: of a package that the store has not unpacked, only what the lock says is told. StoreError
/// when one is damaged in the store.
Stock take_stock(const lock::Lock& lock, const store::Store& store, std::string program_version);

/// When the newest Release of the lock's archives was made, "2026-07-11T10:16:37Z"; 1970 when it has none.
std::string date_of(const lock::Lock& lock);

std::string spdx_text(const Stock& stock);
std::string cyclonedx_text(const Stock& stock);

}  // namespace karapace::proof
