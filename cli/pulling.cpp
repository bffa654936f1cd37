// SPDX-License-Identifier: Apache-2.0
#include "cli/pulling.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/key_report.hpp"
#include "cli/registry_client.hpp"
#include "exchange/request.hpp"
#include "proof/signing/key_files.hpp"
#include "remote/oci/image_location.hpp"
#include "store/instance.hpp"
#include "store/instance_names.hpp"
#include "store/root_index.hpp"

namespace karapace::cli {

namespace {

/// The lines of those that are named, else of all that this user has.
std::vector<std::string> key_lines(const std::vector<std::string>& words) {
  const auto directory = keys_directory();
  std::vector<std::string> lines;
  for (const auto& word : words) lines.push_back(signing::text(signing::find_public_key(directory, word)));
  if (words.empty())
    for (const auto& file : signing::find_keys(directory).keys) lines.push_back(signing::text(file.key));
  return lines;
}

/// Before anything is fetched.
void require_name(const Context& context, const std::string& name, std::string_view command) {
  if (name.empty()) return;
  if (const auto complaint = store::judge_instance_name(name))
    throw UsageError(fmt::format("{}: --name: \"{}\" {}", command, escaped_utf8(name), *complaint));
  std::error_code error;
  if (!std::filesystem::exists(context.store_root() / "version", error)) return;
  const auto projects = store::RootIndex::read(context.open_store(store::Store::Access::read_only)).named(name);
  if (projects.empty()) return;
  throw UsageError(fmt::format("{}: --name: a project is called \"{}\" ({}): choose another one", command,
                               escaped_utf8(name), escaped_utf8(projects.front().manifest.native())));
}

/// One of this name that has another environment stays what it is.
void require_free(const store::Store& store, const EnvironmentId& id, const std::string& name,
                  std::string_view command) {
  const auto taken = name.empty() ? std::nullopt : store::find_named_instance(store, name);
  if (taken && taken->current.environment != id)
    throw UsageError(
        fmt::format("{1}: there is an instance \"{0}\" of another environment: choose another --name, or `karapace "
                    "destroy {0}` first",
                    escaped_utf8(name), command));
}

store::Instance make_instance(const store::Store& store, const EnvironmentId& id, const std::string& name) {
  const auto instance = store::open_instance(store, {id, std::nullopt});
  if (name.empty() || name == instance.name) return instance;
  if (!instance.name.empty())
    throw UsageError(fmt::format(
        "the environment {} is here already, as the instance \"{}\", which keeps its name and what was changed in it: "
        "`karapace enter {}`, or `karapace rename` it first",
        id.short_hex(), escaped_utf8(instance.name), escaped_utf8(instance.name)));
  auto held = store::use_instance(instance);
  if (!held) throw NotFoundError("the instance is gone meanwhile: run it again");
  store::name_instance(store, held->instance, name);
  return held->instance;
}

}  // namespace

void declare_pulling(Options& options, PullingArguments& arguments) {
  options.value("--name", "NAME", arguments.name, "what the instance is called");
  options.value(
      "--trust", "KEY", arguments.trusted,
      "a public key whose signature counts: a file, a name or its line; may be repeated (default: all of yours)");
  options.value("--agree", "NUMBER", arguments.agree, "how many of these keys have to say the same (default: 1)");
}

std::string bundle_location(const std::filesystem::path& file) {
  return oci::ImageLocation{
      .kind = oci::ImageLocation::Kind::archive, .place = file.native(), .name = oci::Tag::parse("latest")}
      .text();
}

int pull_environment(const Context& context, const PullingArguments& arguments, const std::string& location,
                     std::string_view command) {
  require_name(context, arguments.name, command);
  const auto keys = key_lines(arguments.trusted);
  if (keys.empty())
    throw UsageError(
        fmt::format("{}: whoever made it has to be known: name a key whose signature counts, --trust KEY", command));
  exchange::PullRequest request{
      .store = context.store_root(),
      .location = location,
      .keys = keys,
      .agree = static_cast<std::uint32_t>(std::min<std::uint64_t>(arguments.agree, 1U << 20))};
  const auto pulled = exchange::parse_pull_answer(ask_registry(context, "pull", exchange::text(request)));
  const auto store = context.open_store(store::Store::Access::update);
  require_free(store, pulled.environment, arguments.name, command);
  const auto instance = make_instance(store, pulled.environment, arguments.name);
  if (context.json) {
    context.print_json("karapace.pull",
                       {{"pulled_bytes", pulled.bytes},
                        {"environment", pulled.environment.hex()},
                        {"image_digest", pulled.image},
                        {"instance", instance.id},
                        {"layer_count", pulled.layers},
                        {"name", instance.name.empty() ? nlohmann::json() : nlohmann::json(instance.name)},
                        {"signers", pulled.signers},
                        {"step_count", pulled.steps}});
    return 0;
  }
  const auto called = instance.name.empty() ? pulled.environment.short_hex() : instance.name;
  context.print(fmt::format("pulled {}: {}, {}; {}\n", called, counted(pulled.layers, "layer"), size_text(pulled.bytes),
                            fmt::format("signed by {}", fmt::join(pulled.signers, ", "))));
  context.print(fmt::format("karapace enter {}\n", called));
  return 0;
}

}  // namespace karapace::cli
