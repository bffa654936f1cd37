// SPDX-License-Identifier: Apache-2.0
// Whatever is accepted as a lock has one canonical text, which is accepted again.
#include "generator/lock/lock.hpp"

#include <cstdlib>

#include "base/error.hpp"
#include "tests/fuzz/target.hpp"

void karapace::fuzz_one(std::string_view bytes) {
  try {
    auto lock = lock::parse_lock(bytes, "karapace.lock");
    auto text = lock::file_text(lock);
    if (lock::parse_lock(text, "canonical") != lock) std::abort();
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with("canonical")) std::abort();
  }
}
