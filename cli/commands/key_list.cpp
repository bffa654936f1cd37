// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "cli/commands.hpp"
#include "cli/key_report.hpp"
#include "cli/table.hpp"
#include "proof/signing/key_files.hpp"

namespace karapace::cli {

namespace {

struct Arguments {};

void declare(Options& /*options*/, Arguments& /*arguments*/) {}

int run(const Context& context, const Arguments& /*arguments*/) {
  const auto found = signing::find_keys(keys_directory());
  for (const auto& problem : found.problems) context.warn(problem);
  if (context.json) {
    auto list = nlohmann::json::array();
    for (const auto& key : found.keys) list.push_back(key_json(key));
    context.print_json("karapace.key-list", {{"keys", std::move(list)}});
    return 0;
  }
  std::vector<TableRow> rows;
  for (const auto& key : found.keys)
    rows.push_back(
        {key.key.name, key.key.key.id().hex(), key.has_secret ? "signs" : "public", escaped_utf8(key.file.native())});
  context.print(table_text(rows, {}, 2));
  if (rows.empty()) context.tell("there is no key; `karapace key new NAME` makes one");
  return 0;
}

}  // namespace

Command key_list_command() {
  return make_command<Arguments>(
      {.name = "key list",
       .group = Group::sharing,
       .summary = "List the keys in ~/.config/karapace/keys",
       .description = "Lists your keys, and those of others that you put there: name, id, whether it\n"
                      "signs (NAME.key is there) or is only public, and the file of the public key.",
       .examples = {{"karapace key list", "all keys"}}},
      declare, run);
}

}  // namespace karapace::cli
