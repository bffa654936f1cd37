// SPDX-License-Identifier: Apache-2.0
// explain: what went into a step's key.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/table.hpp"
#include "generator/lock/lock_file.hpp"
#include "generator/project/explanation.hpp"
#include "generator/project/step_words.hpp"
#include "store/environment.hpp"
#include "store/reference.hpp"
#include "store/root.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;
using project::ExplainedStep;
using project::StepLibrary;

struct Arguments {
  std::string word = ".";
};

void declare(Options& options, Arguments& arguments) {
  options.positional("STEP", arguments.word,
                     "a step's key or its first digits, a record's path, an environment, a manifest (default: .)");
}

std::optional<store::Store> store_if_any(const Context& context) {
  try {
    return context.open_store(store::Store::Access::read_only);
  } catch (const NotFoundError&) {
    return std::nullopt;
  }
}

/// The lock that belongs to `word`, when it is a manifest, its directory or the lock itself.
std::optional<lock::Lock> lock_at(const fs::path& word) {
  // Thrown from here: thrown within libstdc++, it ends GCC 12's address sanitizer ("CHECK failed") on its way out.
  std::error_code failure;
  const auto status = fs::status(word, failure);
  if (!fs::status_known(status)) throw fs::filesystem_error("", word, failure);
  auto path = fs::is_directory(status) ? word / "karapace.toml" : word;
  if (path.extension() != ".lock") path = lock::lock_path(path);
  return lock::read_lock_if_exists(path);
}

StepKey environment_step(const lock::Lock& lock) {
  graph::Planner planner;
  return planner.add(lock, lock::serialise(lock)).back();
}

StepKey step_of(const std::optional<store::Store>& store, StepLibrary& library, const std::string& word) {
  if (auto lock = lock_at("."); lock) library.add(*lock);
  if (auto key = project::step_named(library, word)) return *key;
  if (word == "." || word.find('/') != std::string::npos || fs::path(word).has_extension()) {
    if (auto lock = lock_at(word)) {
      library.add(*lock);
      return environment_step(*lock);
    }
  }
  if (!store) throw NotFoundError(fmt::format("explain: there is no step, environment or lock \"{}\"", word));
  auto reference = store::resolve_reference(*store, word, fs::current_path());
  if (reference.root) {
    if (auto lock = lock_at(reference.root->manifest); lock) {
      library.add(*lock);
      if (lock::environment_id(*lock) == reference.environment) return environment_step(*lock);
    }
    auto root = store::find_root(*store, reference.root->manifest);
    if (root && !root->steps.empty()) return root->steps.back();
  }
  auto environment = store::find_environment(*store, reference.environment);
  if (!environment) throw NotFoundError(fmt::format("explain: the environment \"{}\" is not built", word));
  return environment->step;
}

nlohmann::json json_of(const ExplainedStep& step) {
  auto fields = nlohmann::json::array();
  for (const auto& [name, value] : step.fields()) fields.push_back({{"name", name}, {"value", escaped_utf8(value)}});
  return {{"step", step.key.hex()},
          {"title", escaped_utf8(step.title())},
          {"fields", std::move(fields)},
          {"output", output_json(step.output)}};
}

nlohmann::json document(const StepLibrary& library, const ExplainedStep& step) {
  auto json = json_of(step);
  auto inputs = nlohmann::json::array();
  if (step.step) {
    for (const auto& input : step.step->inputs) inputs.push_back(json_of(library.find(input)));
  }
  json["input_steps"] = std::move(inputs);
  return json;
}

/// The fields as they are hashed; a count or a parameter's name is a field, too, but says nothing to people.
void add_fields(std::vector<TableRow>& rows, const ExplainedStep& step) {
  bool is_value = false;
  for (const auto& [name, value] : step.fields()) {
    if (name == "parameters" || name == "inputs") continue;
    if (name == "parameter" && !is_value) {
      is_value = true;
      continue;
    }
    is_value = false;
    if (name == "input") continue;
    rows.push_back({"", std::string(name), value});
  }
}

void print_step(const Context& context, const StepLibrary& library, const ExplainedStep& step) {
  context.print(fmt::format("{}\n", context.styled(Style::bold, step.title())));
  std::vector<TableRow> rows = {{"", "key", step.key.hex()}};
  add_fields(rows, step);
  rows.push_back({"", "built", step.output ? output_text(step.output) : "no"});
  const bool has_inputs = step.step && !step.step->inputs.empty();
  if (has_inputs) rows.push_back({"", "inputs", std::to_string(step.step->inputs.size())});
  context.print(table_text(rows, {1, 14}));
  if (!has_inputs) return;
  for (const auto& key : step.step->inputs) {
    auto input = library.find(key);
    auto built = input.output ? "" : context.styled(Style::yellow, " (not built)");
    context.print(fmt::format("    {} {}{}\n", key.short_hex(), input.title(), built));
  }
}

int run(const Context& context, const Arguments& arguments) {
  auto store = store_if_any(context);
  StepLibrary library(store);
  auto step = library.find(step_of(store, library, arguments.word));
  if (!step.step) {
    throw NotFoundError(fmt::format("explain: step {} has no record and belongs to no lock here", step.key.hex()));
  }
  if (context.json) {
    context.print_json("karapace.explain", document(library, step));
  } else {
    print_step(context, library, step);
  }
  return 0;
}

}  // namespace

Command explain_command() {
  return make_command<Arguments>(
      {.name = "explain",
       .group = Group::understanding,
       .summary = "Show what went into a step's key",
       .description = "Two steps with one key are one step. This lists the fields that the key covers, and the\n"
                      "steps it reads. Records of the store tell about steps that were built, the lock of the\n"
                      "working directory about those that were not.",
       .examples = {{"karapace explain .", "the environment of ./karapace.toml"},
                    {"karapace explain 5ec34a7a", "a step, by the first digits of its key"},
                    {"karapace explain --json hello", "an environment by its name, for programs"}}},
      declare, run);
}

}  // namespace karapace::cli
