// SPDX-License-Identifier: Apache-2.0
// Sessions of an environment of one layer, with each kind of user.
#pragma once

#include <fstream>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "runtime/sandbox/session.hpp"
#include "sandbox_fixture.hpp"
#include "store/environment.hpp"
#include "store/identifiers.hpp"
#include "store/scan.hpp"

namespace karapace::sandbox::test {

namespace fs = std::filesystem;

template <class Work>
std::string message_of(Work work) {
  try {
    work();
    return "nothing was thrown";
  } catch (const Error& error) {
    return error.what();
  }
}

/// An environment of one layer, the fixture's image, that mounts the host's /usr.
class Sessions : public EveryUser {
 protected:
  void SetUp() override {
    EveryUser::SetUp();
    if (IsSkipped()) return;
    furnish();
    ASSERT_TRUE(as_user([this] { build(); })) << read_file(directory / "error");
  }
  /// What else the image shall have, before it becomes a layer.
  virtual void furnish() {}
  fs::path store_root() const { return directory / "store"; }

  void build() const {
    const auto store = store::Store::open(store_root(), store::Store::Access::create);
    const auto staging = store.stage();
    const auto tree = staging.path() / "tree";
    fs::copy(lower, tree, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    const auto listing = store::scan(open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY).get(),
                                     {.owners = store::Owners::ignore, .label = "test", .include = {}});
    store::Environment environment;
    environment.id = environment_id();
    environment.layers = {store.add_layer(tree, listing, staging)};
    environment.runtime.mounts = {{"usr", "/usr", "/usr"}};
    environment.runtime.variables = {{"FROM_MANIFEST", "yes"}, {"LANG", "C"}};
    environment.runtime.network_isolation = true;
    store::add_environment(store, environment);
  }
  static EnvironmentId environment_id() { return EnvironmentId(blake3("an environment")); }

  /// In a process of its own: exit status of the script.
  pid_t start(const std::string& script, const SessionRequest& options = {}, const std::function<void()>& before = {}) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    try {
      if (before) before();
      become_user();
      const auto store = store::Store::open(store_root(), store::Store::Access::read_only);
      SessionRequest request = options;
      request.name = "test/env";
      request.argv = {"sh", "-c", script};
      request.allowed_mounts = {"/usr"};
      ::_exit(run_session(store, {environment_id(), {}}, request).status);
    } catch (const std::exception& error) {
      std::ofstream(directory / "error") << error.what();
      ::_exit(99);
    }
  }
  int finish(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WEXITSTATUS(status) == 99) ADD_FAILURE() << read_file(directory / "error");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
};

}  // namespace karapace::sandbox::test
