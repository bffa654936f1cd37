// SPDX-License-Identifier: Apache-2.0
#include "store/distinct_layers.hpp"

#include <algorithm>
#include <unordered_set>

namespace karapace::store {

std::vector<LayerId> distinct_layers(const std::vector<LayerId>& layers) {
  std::vector<LayerId> distinct;
  std::unordered_set<LayerId> higher;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
    if (higher.insert(*layer).second) distinct.push_back(*layer);
  std::reverse(distinct.begin(), distinct.end());
  return distinct;
}

}  // namespace karapace::store
