// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "store/environment.hpp"
#include "store/runtime_configuration.hpp"
#include "store/step.hpp"
#include "tests/fuzz/target.hpp"

namespace {

template <class Parse>
void attempt(Parse parse) {
  try {
    parse();
  } catch (const karapace::Error&) {
  }
}

}  // namespace

void karapace::fuzz_one(std::string_view bytes) {
  attempt([&] { StepRecord::parse(bytes, StepKey(blake3(bytes)), "record"); });
  attempt([&] { store::Environment::parse(bytes, "environment"); });
  attempt([&] { store::RuntimeConfiguration::parse(bytes, "runtime"); });
}
