// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/resolve.hpp"

#include "generator/resolve/helper.hpp"
#include "generator/resolve/protocol.hpp"

namespace karapace::generator {

Resolution resolve(const ResolveRequest& request) {
  return parse_resolution(ask_helper("resolve", request_text(request)));
}

}  // namespace karapace::generator
