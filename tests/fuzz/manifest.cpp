// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/manifest.hpp"

#include "base/error.hpp"
#include "tests/fuzz/target.hpp"

void karapace::fuzz_one(std::string_view bytes) {
  try {
    manifest::parse_manifest(bytes, "karapace.toml");
  } catch (const Error&) {
    // Refusing is right; anything else is not.
  }
}
