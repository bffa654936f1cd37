// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/output_file.hpp"
#include "cli/store_access.hpp"
#include "generator/lock/environment_lock.hpp"
#include "proof/stock.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment;
  std::string format = "spdx";
  std::optional<std::string> output;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.value("--format", "FORMAT", arguments.format, "spdx (2.3, the default) or cyclonedx (1.5), both JSON",
                {"spdx", "cyclonedx"});
  options.value("-o,--output", "FILE", arguments.output, "write there instead of standard output (\"-\")");
}

int run(const Context& context, const Arguments& arguments) {
  if (arguments.format != "spdx" && arguments.format != "cyclonedx")
    throw UsageError(fmt::format("sbom: there is no format \"{}\"; choose spdx or cyclonedx", arguments.format));
  const auto file = output_file(arguments.output, std::nullopt);
  if (context.json && !file)
    throw UsageError("sbom: a bill of materials is no document of Karapace: name a file with -o, or leave --json out");
  const auto store = context.open_store(store::Store::Access::read_only);
  const auto reference = find_reference(store, arguments.environment);
  const auto environment = store::find_environment(store, reference.environment);
  if (!environment)
    throw NotFoundError(fmt::format("environment {} is not built yet, so the store does not have its lock; run ninja",
                                    reference.environment.short_hex()));
  const auto in_use = store::use_environment(store, environment->id);
  const auto lock = lock::lock_of(store, *environment);
  const auto stock = proof::take_stock(lock, store, KARAPACE_VERSION);
  const auto unread =
      std::ranges::count_if(stock.packages, [](const proof::PackageFacts& one) { return !one.is_unpacked; });
  if (unread > 0)
    context.warn(
        fmt::format("of {} only what the lock says is told, without licences: the store does not have them "
                    "unpacked; `karapace build --complete ENV` (in its project: without ENV) brings them",
                    counted(static_cast<std::size_t>(unread), "package")));
  const auto text = arguments.format == "spdx" ? spdx_text(stock) : cyclonedx_text(stock);
  write_output(context, file, text, counted(stock.packages.size(), "package"));
  return 0;
}

}  // namespace

Command sbom_command() {
  return make_command<Arguments>(
      {.name = "sbom",
       .group = Group::understanding,
       .summary = "Write a bill of materials of an environment",
       .description = "Lists every package with version, architecture, address (purl), SHA-256, licences\n"
                      "from the package's own copyright file where machines can read it, and what it\n"
                      "depends on, as SPDX 2.3 or CycloneDX 1.5. The same environment gives the same\n"
                      "bytes; its date is that of the newest Release of the lock. Nothing is downloaded.",
       .examples = {{"karapace sbom .", "of the environment of the manifest here, as SPDX"},
                    {"karapace sbom dev --format cyclonedx -o dev.cdx.json", "into a file, as CycloneDX"}}},
      declare, run);
}

}  // namespace karapace::cli
