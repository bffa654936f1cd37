// SPDX-License-Identifier: Apache-2.0
// karapace-resolve-deb: the resolver for Debian's family, a program of its own because libapt-pkg keeps process-wide
// state. It answers generator/resolve; people have no use for it.
//
//   karapace-resolve-deb resolve   a ResolveRequest on standard input, a Resolution on standard output
//   karapace-resolve-deb mirrors   the host's own package sources on standard output
#include <cstdio>
#include <exception>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/inherited_state.hpp"
#include "base/path_error.hpp"
#include "generator/resolve/deb/host_sources.hpp"
#include "generator/resolve/deb/plan.hpp"
#include "generator/resolve/protocol.hpp"

namespace karapace::resolve_deb {
namespace {

std::string answer(std::string_view verb) {
  if (verb == "resolve") {
    const std::string request = read_all(STDIN_FILENO, "the request");
    return generator::resolution_text(plan(generator::parse_request(request)));
  }
  if (verb == "mirrors") return generator::host_mirrors_text(host_sources());
  throw UsageError("karapace-resolve-deb: usage: karapace-resolve-deb resolve|mirrors");
}

int run(std::string_view verb) {
  try {
    fmt::print("{}\n", answer(verb));
    return 0;
  } catch (const Error& error) {
    fmt::print("{}\n", generator::error_text(error));
    return exit_code(error.kind());
  } catch (const std::exception& error) {
    fmt::print("{}\n", generator::error_text(Error(fmt::format("lock: {}", told_text(error)))));
    return exit_code(ErrorKind::general);
  }
}

}  // namespace
}  // namespace karapace::resolve_deb

int main(int argc, char** argv) {
  karapace::mend_inherited_state();
  return karapace::resolve_deb::run(argc == 2 ? argv[1] : "");
}
