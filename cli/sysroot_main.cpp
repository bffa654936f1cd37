// SPDX-License-Identifier: Apache-2.0
// karapace-sysroot STORE ENVIRONMENT: makes the merged tree of an environment (runtime/steps/sysroot.hpp) and prints
// its path. Apart from karapace, which must start in a millisecond and links nothing that reads layers.
#include <cstdio>
#include <exception>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/inherited_state.hpp"
#include "base/path_error.hpp"
#include "runtime/sandbox/store_namespace.hpp"
#include "runtime/steps/sysroot.hpp"
#include "store/environment.hpp"
#include "store/identifiers.hpp"

namespace {

using namespace karapace;

int run(const char* root, const char* hex) {
  ::umask(022);
  auto id = EnvironmentId::from_hex(hex);
  if (!id) throw UsageError(fmt::format("\"{}\" is not an environment's id", hex));
  auto store = store::Store::open(root, store::Store::Access::update);
  auto in_use = store::use_environment(store, *id);
  auto environment = store::find_environment(store, *id);
  auto lock = store.lock_output("sysroot-" + id->hex());
  if (!store.has_sysroot(*id)) sandbox::enter_namespace_for(store);
  fmt::print("{}\n", steps::make_sysroot(store, environment.value()).native());
  return 0;
}

int fail(const char* message, int status) {
  std::fprintf(stderr, "karapace-sysroot: error: %s\n", printable(message).c_str());
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  karapace::mend_inherited_state();
  try {
    if (argc == 3) return run(argv[1], argv[2]);
    return fail("usage: karapace-sysroot STORE ENVIRONMENT-ID", 1);
  } catch (const karapace::Error& error) {
    return fail(error.what(), exit_code(error.kind()));
  } catch (const std::exception& error) {
    return fail(karapace::told_text(error).c_str(), 1);
  }
}
