// SPDX-License-Identifier: Apache-2.0
#include "remote/sources.hpp"

#include "base/error.hpp"
#include "tests/fuzz/target.hpp"

void karapace::fuzz_one(std::string_view bytes) {
  remote::local_path(bytes);
  try {
    auto sources = remote::parse_sources(bytes, "mirrors.json");
    for (const auto& [archive, mirrors] : sources.archives) remote::locations(sources, "", archive, "a b");
  } catch (const Error&) {
  }
}
