// SPDX-License-Identifier: Apache-2.0
// A fuzz target: one function that must neither crash nor throw, whatever the bytes.
//
// With KARAPACE_FUZZ, libFuzzer calls it; else `replay` does, for every file of the kept corpus, as an ordinary test.
#pragma once

#include <string_view>

namespace karapace {

void fuzz_one(std::string_view bytes);

}  // namespace karapace
