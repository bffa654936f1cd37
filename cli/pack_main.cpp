// SPDX-License-Identifier: Apache-2.0
// karapace-pack STORE INSTANCE ARCHIVE: writes what an instance changes into a new file, as an archive for [[layers]]
// of a manifest (runtime/steps/commit_archive.hpp), and prints what there is to tell of it, as JSON. Apart from
// karapace, which must start in a millisecond and links nothing that reads layers.
#include <cstdio>
#include <exception>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/inherited_state.hpp"
#include "base/path_error.hpp"
#include "runtime/sandbox/store_namespace.hpp"
#include "runtime/steps/commit_archive.hpp"
#include "store/instance.hpp"

namespace {

using namespace karapace;

nlohmann::json paths_json(const std::vector<std::string>& paths) {
  auto all = nlohmann::json::array();
  for (const auto& path : paths) all.push_back("/" + escaped_utf8(path));
  return all;
}

nlohmann::json report(const steps::CommitArchive& made) {
  auto secrets = nlohmann::json::array();
  for (const auto& [path, secret] : made.secrets)
    secrets.push_back({{"path", "/" + escaped_utf8(path)}, {"secret", secret}});
  auto files = nlohmann::json::array();
  for (const auto& [target, mode] : made.proposal.files)
    files.push_back({{"target", target}, {"mode", fmt::format("{:04o}", mode)}});
  return {{"changes", made.changes},        {"confined", paths_json(made.confined)},
          {"files", std::move(files)},      {"packages", made.proposal.packages},
          {"secrets", std::move(secrets)},  {"sockets", paths_json(made.sockets)},
          {"whole", made.proposal.is_whole}};
}

int run(const char* root, const char* id, const char* archive) {
  ::umask(022);
  const auto store = store::Store::open(root, store::Store::Access::update);
  const auto instance = store::find_instance(store, id);
  const auto held = instance ? store::use_instance(*instance) : std::nullopt;
  if (!held) throw NotFoundError(fmt::format("there is no instance {}", id));
  // Before the namespace is entered: who may write there is whoever called.
  const auto output = open_at(AT_FDCWD, archive, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  const auto mode = sandbox::enter_namespace_for(store);
  fmt::print("{}\n", report(steps::write_commit_archive(store, held->instance, mode, output.get())).dump());
  return 0;
}

int fail(const char* message, int status) {
  std::fprintf(stderr, "karapace-pack: error: %s\n", printable(message).c_str());
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  karapace::mend_inherited_state();
  try {
    if (argc == 4) return run(argv[1], argv[2], argv[3]);
    return fail("usage: karapace-pack STORE INSTANCE ARCHIVE", 1);
  } catch (const karapace::Error& error) {
    return fail(error.what(), exit_code(error.kind()));
  } catch (const std::exception& error) {
    return fail(karapace::told_text(error).c_str(), 1);
  }
}
