// SPDX-License-Identifier: Apache-2.0
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/instance_report.hpp"
#include "cli/store_access.hpp"
#include "generator/lock/environment_lock.hpp"
#include "store/environment.hpp"
#include "store/identifiers.hpp"
#include "store/instance.hpp"
#include "store/reference.hpp"
#include "store/root.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment;
  bool packages = false;
};

struct Layer {
  LayerId id;
  std::size_t entries = 0;
  std::uint64_t bytes = 0;
};

struct Step {
  StepKey key;
  std::optional<StepRecord> record;
};

/// Everything that is told, as data.
struct Description {
  store::Reference reference;
  std::optional<store::Environment> environment;  // when it is built
  std::optional<lock::Lock> lock;                 // of the environment: when it is built
  std::vector<Layer> layers;
  std::vector<Step> steps;
  std::vector<store::Instance> instances;
  std::optional<std::string> damaged;  // why its own instance can not be told of
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.flag("--packages", arguments.packages, "only its packages, one per line: name, version, architecture");
}

/// The steps of the project's graph; for an environment without a project those that its records lead to.
std::vector<Step> steps_of(const store::Store& store, const Description& description) {
  std::vector<StepKey> keys;
  if (const auto& project = description.reference.root) {
    if (auto root = store::find_root(store, project->manifest)) keys = std::move(root->steps);
  } else if (description.environment) {
    keys.push_back(description.environment->step);
  }
  std::set<StepKey> seen(keys.begin(), keys.end());
  std::vector<Step> steps;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    auto record = store.record(keys[i]);
    if (record) {
      for (const auto& input : record->step.inputs) {
        if (seen.insert(input).second) keys.push_back(input);
      }
    }
    steps.push_back({keys[i], std::move(record)});
  }
  return steps;
}

/// The project's instances, in whatever environment they are; without a project those that are in this one.
bool is_of(const store::Instance& instance, const store::Reference& reference) {
  if (reference.root) return instance.manifest == reference.root->manifest;
  return instance.current.environment == reference.environment;
}

Description describe(const store::Store& store, store::Reference reference) {
  Description description{std::move(reference), {}, {}, {}, {}, {}, {}};
  description.environment = store::find_environment(store, description.reference.environment);
  if (description.environment) {
    description.lock = lock::lock_of(store, *description.environment);
    for (const auto& id : description.environment->layers) {
      auto listing = store.listing(id);
      description.layers.push_back({id, listing.entries().size(), listing.content_size()});
    }
  }
  description.steps = steps_of(store, description);
  auto all = store::instances(store);
  for (auto& instance : all.whole)
    if (is_of(instance, description.reference)) description.instances.push_back(std::move(instance));
  for (const auto& damaged : all.damaged)
    if (damaged.id == store::instance_id(description.reference)) description.damaged = damaged.reason;
  return description;
}

std::size_t finished(const std::vector<Step>& steps) {
  std::size_t count = 0;
  for (const auto& step : steps) count += step.record ? 1 : 0;
  return count;
}

nlohmann::json packages_json(const lock::Lock& lock) {
  auto packages = nlohmann::json::array();
  for (const auto& package : lock::packages_of(lock)) {
    packages.push_back({{"architecture", package.architecture}, {"name", package.name}, {"version", package.version}});
  }
  return packages;
}

std::string_view access(bool read_only) { return read_only ? "read-only" : "read-write"; }

nlohmann::json runtime_json(const store::RuntimeConfiguration& runtime) {
  auto mounts = nlohmann::json::array();
  for (const auto& mount : runtime.mounts) {
    mounts.push_back({{"label", escaped_utf8(mount.label)},
                      {"host", escaped_utf8(mount.host)},
                      {"inside", escaped_utf8(mount.target)},
                      {"access", access(mount.access == store::MountAccess::read_only)}});
  }
  auto variables = nlohmann::json::array();
  for (const auto& [name, value] : runtime.variables) variables.push_back({{"name", name}, {"value", value}});
  return {{"mounts", std::move(mounts)},
          {"network", runtime.network_isolation ? "none" : "host"},
          {"project_access", access(runtime.project == store::ProjectAccess::read_only)},
          {"variables", std::move(variables)}};
}

nlohmann::json json_of(const Description& description) {
  nlohmann::json json = {{"base", nullptr},
                         {"environment", description.reference.environment.hex()},
                         {"environment_state", description.environment ? "built" : "not-built"},
                         {"instances", nlohmann::json::array()},
                         {"layers", nlohmann::json::array()},
                         {"lock_blob", nullptr},
                         {"manifest", nullptr},
                         {"name", nullptr},
                         {"packages", nlohmann::json::array()},
                         {"runtime", nullptr},
                         {"steps", nlohmann::json::array()}};
  if (const auto& root = description.reference.root) {
    json["name"] = escaped_utf8(root->name);
    json["manifest"] = path_json(root->manifest);
  }
  if (const auto& environment = description.environment) {
    json["lock_blob"] = environment->lock.hex();
    json["runtime"] = runtime_json(environment->runtime);
  }
  if (const auto& lock = description.lock) {
    json["base"] = escaped_utf8(lock::base_of(*lock));
    json["packages"] = packages_json(*lock);
  }
  for (const auto& layer : description.layers) {
    json["layers"].push_back({{"layer", layer.id.hex()}, {"entry_count", layer.entries}, {"size_bytes", layer.bytes}});
  }
  for (const auto& step : description.steps) {
    nlohmann::json item = {{"built", step.record.has_value()}, {"kind", nullptr}, {"step", step.key.hex()}};
    if (step.record) item["kind"] = text(step.record->step.kind);
    json["steps"].push_back(std::move(item));
  }
  for (const auto& instance : description.instances) {
    json["instances"].push_back(instance_json(instance));
  }
  return json;
}

void print_runtime(const Context& context, const store::RuntimeConfiguration& runtime) {
  context.print(fmt::format("network    {}\n", runtime.network_isolation ? "isolated" : "the host's"));
  if (runtime.project == store::ProjectAccess::read_only) context.print("project    read-only in sessions\n");
  for (const auto& mount : runtime.mounts) {
    auto access = mount.access == store::MountAccess::read_only ? ", read-only" : "";
    context.print(fmt::format("mount      {}: {} at {}{}\n", escaped_utf8(mount.label), escaped_utf8(mount.host),
                              escaped_utf8(mount.target), access));
  }
  for (const auto& [name, value] : runtime.variables) {
    context.print(fmt::format("variable   {}={}\n", name, escaped_utf8(value)));
  }
}

void print_steps(const Context& context, const std::vector<Step>& steps) {
  context.print(fmt::format("steps      {} of {} done\n", finished(steps), steps.size()));
  if (context.verbosity == 0) return;
  for (const auto& step : steps) {
    context.print(fmt::format("  {}  {}\n", step.key.hex(), step.record ? text(step.record->step.kind) : "not done"));
  }
}

void print_description(const Context& context, const Description& description) {
  if (const auto& root = description.reference.root) {
    context.print(fmt::format("name       {}\n", context.styled(Style::bold, escaped_utf8(root->name))));
    context.print(fmt::format("manifest   {}\n", escaped_utf8(root->manifest.native())));
  }
  context.print(fmt::format("id         {}\n", description.reference.environment.hex()));
  context.print(fmt::format("state      {}\n", description.environment ? "built" : "not built: run ninja"));
  if (const auto& lock = description.lock) {
    context.print(fmt::format("base       {}\n", escaped_utf8(lock::base_of(*lock))));
    context.print(fmt::format("packages   {}{}\n", lock::packages_of(*lock).size(),
                              lock->archive || lock->image ? ", besides those in the base" : ""));
  }
  for (const auto& layer : description.layers) {
    context.print(fmt::format("layer      {}  {}, {}\n", layer.id.short_hex(), size_text(layer.bytes),
                              fmt::format("{} paths", layer.entries)));
  }
  if (description.environment) print_runtime(context, description.environment->runtime);
  print_steps(context, description.steps);
  for (const auto& instance : description.instances) {
    const bool is_earlier = instance.current.environment != description.reference.environment;
    context.print(
        fmt::format("instance   {}  {}{}{}\n", instance.id, instance.name.empty() ? "" : instance.name + ", ",
                    instance_state(instance),
                    is_earlier ? ", in the environment " + instance.current.environment.short_hex() : std::string()));
  }
}

void print_packages(const Context& context, const lock::Lock& lock) {
  for (const auto& package : lock::packages_of(lock)) {
    context.print(fmt::format("{} {} {}\n", package.name, package.version, package.architecture));
  }
}

/// Reads less than the whole description.
lock::Lock lock_of_built(const store::Store& store, const store::Reference& reference) {
  auto environment = store::find_environment(store, reference.environment);
  if (environment) return lock::lock_of(store, *environment);
  throw NotFoundError(fmt::format("environment {} is not built yet, so the store does not have its lock; run ninja",
                                  reference.environment.short_hex()));
}

int run(const Context& context, const Arguments& arguments) {
  auto store = context.open_store(store::Store::Access::read_only);
  if (arguments.packages) {
    auto reference = find_reference(store, arguments.environment);
    auto lock = lock_of_built(store, reference);
    if (context.json) {
      context.print_json("karapace.inspect-packages", {{"base", escaped_utf8(lock::base_of(lock))},
                                                       {"environment", reference.environment.hex()},
                                                       {"packages", packages_json(lock)}});
    } else {
      print_packages(context, lock);
    }
    return 0;
  }
  auto description = describe(store, find_reference(store, arguments.environment));
  if (description.damaged) context.warn(*description.damaged);
  if (context.json) {
    context.print_json("karapace.inspect", json_of(description));
  } else {
    print_description(context, description);
  }
  return 0;
}

}  // namespace

Command inspect_command() {
  return make_command<Arguments>(
      {.name = "inspect",
       .group = Group::understanding,
       .summary = "Show what an environment is made of",
       .description =
           "Shows the environment's id, manifest, base, number of packages, layers with their sizes, runtime\n"
           "configuration, steps and instances. Packages are those of its lock, which the store keeps: no\n"
           "project is needed for it.",
       .examples = {{"karapace inspect .", "the environment of the manifest here"},
                    {"karapace inspect --packages .", "name, version and architecture of every package"},
                    {"karapace inspect --json 3f9c21d0", "everything, for programs"}}},
      declare, run);
}

}  // namespace karapace::cli
