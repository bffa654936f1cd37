// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/resolve.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "generator/resolve/helper.hpp"
#include "generator/resolve/protocol.hpp"
#include "generator/resolve/user_configuration.hpp"

namespace karapace::resolve {

namespace {

void require_mirrors(const ResolveRequest& request) {
  for (const auto& [archive, urls] : request.mirrors.archives) {
    if (!urls.empty()) continue;
    throw LockError(fmt::format(
        "lock: {}/{}: no mirror of \"{}\" is known, as this host's own package sources have none; name one in {}:\n"
        "  [mirrors]\n  {} = \"http://...\"",
        request.distribution, request.suite, archive, default_configuration_file().string(), archive));
  }
}

}  // namespace

Resolution resolve(const ResolveRequest& request) {
  require_mirrors(request);
  return parse_resolution(ask_helper("resolve", request_text(request)));
}

}  // namespace karapace::resolve
