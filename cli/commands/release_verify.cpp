// SPDX-License-Identifier: Apache-2.0
// release verify: whether all that is installed is what was built.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/parallel.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/release_report.hpp"

namespace karapace::cli {

namespace {

using Arguments = DestinationArguments;

int run(const Context& context, const Arguments& arguments) {
  const auto destination = find_destination(arguments);
  const auto faults = release::verify(destination, available_threads());
  const auto versions = destination.versions().size();
  const auto entries = destination.entries().size();
  if (context.json) {
    context.print_json("karapace.release-verify", {{"destination_directory", path_json(destination.root())},
                                                   {"entry_count", entries},
                                                   {"faults", faults_json(faults)},
                                                   {"version_count", versions}});
  } else {
    print_faults(context, faults);
    context.print(fmt::format("{} and {}: {}\n", counted(versions, "version"), counted(entries, "package"),
                              faults.empty() ? "all as they were built" : counted(faults.size(), "fault")));
  }
  return faults.empty() ? 0 : 3;
}

}  // namespace

Command release_verify_command() {
  return make_command<Arguments>(
      {.name = "release verify",
       .group = Group::releases,
       .summary = "Read all that is installed and compare it with the build",
       .description =
           "Hashes every file of every package and version, and compares content, mode, time and link targets\n"
           "with what was built. Ends with 3 when something differs. A damaged package comes back when its\n"
           "directory is moved away and `karapace release install` is run with the manifest and the sources that a\n"
           "version with it was built from; of other versions nothing is brought back.",
       .examples = {{"karapace release verify", "of ./karapace.toml's release"}}},
      declare_destination, run);
}

}  // namespace karapace::cli
