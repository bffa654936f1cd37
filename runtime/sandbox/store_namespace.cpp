// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/store_namespace.hpp"

#include <string>

#include <fmt/format.h>

#include "store/store_identity.hpp"

namespace karapace::sandbox {

namespace {

std::string ranges_text(const std::vector<IdRange>& ranges) {
  std::string text;
  for (const auto& range : ranges)
    text += fmt::format("{}{}+{}={}", text.empty() ? "" : ",", range.inside, range.count, range.outside);
  return text;
}

}  // namespace

IdPlan plan_ids_for(const store::Store& store) {
  auto plan = plan_ids();
  const auto ranges = plan.mode == IdMode::subid
                          ? fmt::format("users {}; groups {}", ranges_text(plan.uids), ranges_text(plan.gids))
                          : std::string();
  store::claim_id_mode(store, std::string(text(plan.mode)), ranges, plan.reason);
  return plan;
}

IdMode enter_namespace_for(const store::Store& store) {
  const auto plan = plan_ids_for(store);
  enter_user_namespace(plan);
  return plan.mode;
}

}  // namespace karapace::sandbox
