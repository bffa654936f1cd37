// SPDX-License-Identifier: Apache-2.0
#include "tests/store/store_fixture.hpp"

#include <cstdlib>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "store/scan.hpp"

namespace karapace::store {

Listing scan_path(const std::filesystem::path& tree, unsigned threads) {
  ScanOptions options;
  options.label = "tree";
  options.threads = threads;
  return scan(open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY).get(), options);
}

Step fetch_step_of(std::string_view content) {
  return Step::normalised(StepKind::fetch,
                          {{"blake3", blake3(content).hex()}, {"size", std::to_string(content.size())}}, {});
}

StepRecord fetch(const Store& store, std::string_view content) {
  auto step = fetch_step_of(content);
  if (auto known = store.record(step.key())) return *known;
  auto staging = store.stage(step);
  BlobOutput output{BlobId(blake3(content)), Sha256(blake3("not the real one")), content.size()};
  write_file_atomically(staging.path() / "file", content, Durable::no);
  store.add_blob(output.blob, staging.path() / "file");
  store.add_record({step, output});
  return {step, output};
}

Step unpack_step_of(std::string_view content) {
  return Step::normalised(StepKind::unpack, {{"format", "tar"}}, {fetch_step_of(content).key()});
}

StepRecord unpack(const Store& store, std::string_view content) {
  auto step = unpack_step_of(content);
  if (auto known = store.record(step.key())) return *known;
  auto staging = store.stage(step);
  auto bytes = read_all(store.open_blob(store.input_record(step.inputs[0]).blob().blob).get(), "blob");
  auto tree = staging.path() / "tree";
  ::mkdir(tree.c_str(), 0755);
  ::mkdir((tree / "bin").c_str(), 0755);
  write_file_atomically(tree / "bin/file", bytes, Durable::no);
  for (const auto& path : {tree / "bin/file", tree / "bin", tree}) {
    timespec times[2] = {{1000, 0}, {1000, 0}};
    ::utimensat(AT_FDCWD, path.c_str(), times, 0);
  }
  LayerOutput output{store.add_layer(tree, scan_path(tree), staging)};
  store.add_record({step, output});
  return {step, output};
}

Environment environment_of(const Store& store, std::string_view content) {
  auto lock = fetch(store, std::string(content) + " lock");
  fetch(store, content);
  auto layer = unpack(store, content);
  auto lock_blob = lock.blob().blob;
  auto step = Step::normalised(StepKind::environment, {{"lock", lock_blob.hex()}}, {layer.step.key(), lock.step.key()});
  Environment environment{EnvironmentId(lock_blob.digest()), step.key(), {layer.layer().layer}, lock_blob, {}};
  auto staging = store.stage(step);
  add_environment(store, environment);
  store.add_record({step, EnvironmentOutput{environment.id}});
  return environment;
}

Root root_of(const Environment& environment, std::string_view name) {
  auto content = std::string(name);
  return {content,
          "/projects/" + content + "/karapace.toml",
          environment.id,
          1,
          2,
          {fetch_step_of(content + " lock").key(), fetch_step_of(content).key(), unpack_step_of(content).key(),
           environment.step}};
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

pid_t fork_child(const std::function<int()>& child) {
  pid_t pid = ::fork();
  if (pid != 0) return pid;
  int status = 99;
  try {
    status = child();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "child: %s\n", error.what());
  }
  ::_exit(status);
}

int wait_for(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void flip_byte(const std::filesystem::path& path) {
  struct stat before{};
  ASSERT_EQ(::lstat(path.c_str(), &before), 0) << path;
  ::chmod(path.c_str(), 0644);
  auto bytes = read_file(path);
  ASSERT_FALSE(bytes.empty());
  auto& byte = bytes[bytes.size() / 2];
  byte = static_cast<char>(byte ^ 1);
  {
    Fd fd = open_at(AT_FDCWD, path, O_WRONLY);
    write_all(fd.get(), bytes, path.native());
  }
  ::chmod(path.c_str(), before.st_mode & 07777);
  timespec times[2] = {before.st_atim, before.st_mtim};
  ::utimensat(AT_FDCWD, path.c_str(), times, 0);
}

}  // namespace karapace::store
