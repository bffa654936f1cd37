// SPDX-License-Identifier: Apache-2.0
#include "store/why.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string id;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ID", arguments.id, "a blob, layer, step, environment or instance: its id, or how that begins",
                     Options::Presence::required);
}

nlohmann::json json_of(const store::KeptThing& thing) {
  return {{"kind", text(thing.kind)},
          {"name", escaped_utf8(thing.name)},
          {"title", thing.title.empty() ? nlohmann::json() : nlohmann::json(thing.title)}};
}

nlohmann::json json_of(const store::WhyKept& why) {
  auto ways = nlohmann::json::array();
  for (const auto& way : why.ways) {
    auto things = nlohmann::json::array();
    for (const auto& thing : way) things.push_back(json_of(thing));
    ways.push_back({{"things", std::move(things)}});
  }
  auto object = json_of(why.thing);
  object["kept"] = !why.ways.empty();
  object["ways"] = std::move(ways);
  return object;
}

std::string described(const store::KeptThing& thing) {
  constexpr std::size_t digits = 12;
  switch (thing.kind) {
    case store::KeptKind::project: return fmt::format("project {} ({})", thing.title, escaped_utf8(thing.name));
    case store::KeptKind::session: return "a session that runs in it";
    case store::KeptKind::running_step: return fmt::format("step {}, which runs", thing.name.substr(0, digits));
    case store::KeptKind::quarantine:
      return "a project whose record was damaged: run `karapace gen` in it (its record lies in the quarantine)";
    case store::KeptKind::step: return fmt::format("{} step {}", thing.title, thing.name.substr(0, digits));
    default: return fmt::format("{} {}", text(thing.kind), escaped_utf8(thing.name.substr(0, 2 * digits)));
  }
}

void print_why(const Context& context, const store::WhyKept& why) {
  context.print(fmt::format("{} {}: {}\n", text(why.thing.kind), context.styled(Style::bold, why.thing.name),
                            why.ways.empty() ? "nothing needs it; the next `karapace gc` removes it" : "needed by"));
  for (const auto& way : why.ways) {
    std::string indent = "  ";
    for (const auto& thing : way) {
      if (&thing == &way.back() && way.size() > 1) break;
      context.print(fmt::format("{}{}\n", indent, described(thing)));
      indent += "  ";
    }
  }
}

int run(const Context& context, const Arguments& arguments) {
  const auto store = context.open_store(store::Store::Access::read_only);
  const auto answers = store::why_kept(store, arguments.id);
  if (context.json) {
    auto objects = nlohmann::json::array();
    for (const auto& why : answers) objects.push_back(json_of(why));
    context.print_json("karapace.why", {{"objects", std::move(objects)}});
    return 0;
  }
  for (const auto& why : answers) print_why(context, why);
  return 0;
}

}  // namespace

Command why_command() {
  return make_command<Arguments>(
      {.name = "why",
       .group = Group::store,
       .summary = "Tell why something is in the store",
       .description =
           "Shows the ways from projects, instances, running sessions and steps to a blob, layer, step,\n"
           "environment or instance: why karapace gc keeps it, or that nothing does. An environment and its\n"
           "lock have one id. What led to a package of a lock, karapace lock --why tells; how a step's key\n"
           "came about, karapace explain.",
       .examples = {{"karapace why 3f9c21d0", "why this is kept"},
                    {"karapace gc --dry-run", "everything that nothing keeps"}}},
      declare, run);
}

}  // namespace karapace::cli
