// SPDX-License-Identifier: Apache-2.0
// A listing that is accepted is canonical: its text is the text that was read.
#include "store/listing.hpp"

#include <cstdlib>

#include "base/error.hpp"
#include "tests/fuzz/target.hpp"

void karapace::fuzz_one(std::string_view bytes) {
  try {
    if (store::Listing::parse(bytes, "listing").text() != bytes) std::abort();
  } catch (const Error&) {
  }
}
