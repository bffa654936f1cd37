// SPDX-License-Identifier: Apache-2.0
#include "release_fixture.hpp"

#include "base/digest.hpp"
#include "remote/sha256.hpp"

namespace karapace::release {

namespace {

void write_files(const fs::path& tree, const Files& files) {
  for (const auto& [name, text] : files) {
    const auto path = tree / name;
    if (text == "/") {
      fs::create_directories(path);
      continue;
    }
    fs::create_directories(path.parent_path());
    if (text.starts_with("-> "))
      fs::create_symlink(text.substr(3), path);
    else if (text.starts_with("= "))
      fs::create_hard_link(tree / text.substr(2), path);
    else if (text == "fifo")
      ::mkfifo(path.c_str(), 0644);
    else
      write_file_atomically(path, text, Durable::no, name.starts_with("bin/") ? 0755 : 0644);
  }
}

/// Layers of equal files are equal whenever they are made.
void set_times(const fs::path& tree) {
  const timespec times[] = {{1000, 0}, {1000, 0}};
  for (const auto& entry : fs::recursive_directory_iterator(tree))
    ::utimensat(AT_FDCWD, entry.path().c_str(), times, AT_SYMLINK_NOFOLLOW);
  ::utimensat(AT_FDCWD, tree.c_str(), times, 0);
}

}  // namespace

LayerId ReleaseTest::layer_of(const Files& files) {
  auto staging = store_.stage();
  const auto tree = staging.path() / "tree";
  fs::create_directory(tree);
  write_files(tree, files);
  set_times(tree);
  return store_.add_layer(tree, store::scan_path(tree), staging);
}

LayerId ReleaseTest::tree_of(const store::ReleaseDocument& document, const std::vector<Files>& packages) {
  Files links{{store::release_document_file, store::text(document)}};
  for (std::size_t i = 0; i < packages.size(); ++i) {
    for (const auto& [name, text] : packages[i]) {
      const auto depth = std::count(name.begin(), name.end(), '/');
      std::string up = "../../";
      for (long level = 0; level < depth; ++level) up += "../";
      links.emplace(name, text == "/" ? text : "-> " + up + "store/" + document.packages[i].entry + "/" + name);
    }
  }
  return layer_of(links);
}

Release ReleaseTest::release_of(const std::string& version, const std::string& content) {
  const std::vector<Files> packages = {{{"bin/app", "#!/bin/sh\necho app " + content + " \"$@\"\n"},
                                        {"bin/other", "= bin/app"},
                                        {"share/app/empty", "/"}},
                                       {{"lib/libfoo.so", "-> libfoo.so.1"},
                                        {"lib/libfoo.so.1", "-> libfoo.so.1.0"},
                                        {"lib/libfoo.so.1.0", "elf"},
                                        {"lib64", "-> lib"},
                                        {"lib/dangling", "-> /nowhere"}}};
  const auto key = [](const std::string& word) { return StepKey(blake3(word)); };
  Release release;
  release.declared = {.name = "app", .destination = destination_, .links = {}, .hosts = {}};
  release.lock = "the lock of " + content.substr(0, 20);
  release.document = {.name = "app",
                      .main = "app",
                      .version = version,
                      .destination = destination_,
                      .entrypoints = {"app"},
                      .environment = EnvironmentId(blake3("environment")),
                      .lock = remote::Sha256Hasher().update(release.lock).finish(),
                      .packages = {{.name = "app",
                                    .version = version,
                                    .entry = store::release_entry_name(key(content), "app", version),
                                    .layer = layer_of(packages[0])},
                                   {.name = "lib",
                                    .version = "2.0",
                                    .entry = store::release_entry_name(key("lib"), "lib", "2.0"),
                                    .layer = layer_of(packages[1])}}};
  release.tree = tree_of(release.document, packages);
  return release;
}

InstallOptions ReleaseTest::options() const { return {.launcher = "/proc/self/exe", .threads = 2}; }

std::string ReleaseTest::read(const fs::path& path) const { return read_file(path); }

}  // namespace karapace::release
