// SPDX-License-Identifier: Apache-2.0
// Releases at work in the environment that they were built in: what `release enter`, `exec` and `test` share.
//
// Inside, a release is at its destination's own path, and can only be read. One that is installed is the destination as
// it is. One that was only built is its packages in the Karapace store, each at `<destination>/store/<entry>`, and the
// tree of links at `<destination>/versions/<version>`; nothing else is there.
#pragma once

#include <string>
#include <vector>

#include "cli/release_report.hpp"
#include "cli/sessions.hpp"
#include "store/reference.hpp"

namespace karapace::cli {

/// Which of those that are installed is meant when nobody says so, as it is by the launcher.
inline constexpr const char* usual_release_version = "stable";

/// What is shown of a release, and where it runs.
struct ReleaseView {
  store::ReleaseDocument document;
  std::string version;         // "1.4.2+1"; of what was only built "1.4.2"
  store::Reference reference;  // the environment that it was built in, by its project where that still has it
  ShownRelease shown;
};

/// What the manifest describes, as it was built. NotFoundError when it is not.
ReleaseView built_release_view(const store::Store& store, const std::filesystem::path& manifest);
/// A version that is installed, by any name ("stable"). NotFoundError when there is none, or when its environment is
/// not built here; its lock, which the destination keeps, is then put into the store, so that `karapace build ID` makes
/// it.
ReleaseView installed_release_view(const Context& context, const store::Store& store,
                                   const DestinationArguments& arguments, const std::string& version);

struct ReleaseSessionArguments {
  DestinationArguments destination;
  bool installed = false;
  std::string version;
  bool instance = false;
  bool here = false;
  SessionArguments session;
};
/// The options of `release enter` and `release exec`; COMMAND is the command's own to declare.
void declare_release_session(Options& options, ReleaseSessionArguments& arguments);
/// Runs it and returns its exit status.
int run_release_session(const Context& context, const ReleaseSessionArguments& arguments);
/// For the descriptions of both: which release is meant.
inline constexpr const char* which_release =
    "The release is what the manifest describes, as it was built; with --installed, --release-version or\n"
    "--destination it is what is installed, by default \"stable\", in the environment that it was built in.\n"
    "Either is at the destination's own path, read-only, and its programs are the first in PATH.\n\n"
    "The environment is as it was built, and what is changed in it is thrown away, unless --instance is\n"
    "given. Any number of commands may run at once.";

}  // namespace karapace::cli
