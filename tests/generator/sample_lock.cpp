// SPDX-License-Identifier: Apache-2.0
#include "sample_lock.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace karapace::testing {

using namespace lock;

LockedPackage sample_package(std::string_view name, std::string_view version) {
  LockedPackage package;
  package.name = name;
  package.version = version;
  package.architecture = "amd64";
  package.size = 1000 + 10 * name.size();
  package.sha256 = Sha256(blake3(fmt::format("{} {}", name, version)));
  package.repository = "debian/bookworm";
  package.path = fmt::format("pool/main/{}/{}/{}_{}_amd64.deb", name[0], name, name, version);
  return package;
}

namespace {

DebRepository bookworm() {
  DebRepository repository{
      .archive = "debian",
      .suite = "bookworm",
      .components = {"main"},
      .date = "2026-07-11T10:16:37Z",
      .signers = {"4CB50190207B4758A3F73A796ED0E7B82643E131", "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8"},
      .indexes = {{"main/binary-amd64/Packages", Sha256(blake3("amd64"))},
                  {"main/binary-all/Packages", Sha256(blake3("all"))}}};
  std::sort(repository.indexes.begin(), repository.indexes.end());
  return repository;
}

void request(Lock& lock, std::vector<std::string> packages) {
  for (const auto& name : packages) {
    const auto colon = name.find(':');  // "libc6:i386"
    lock.packages.push_back(sample_package(name.substr(0, colon)));
    if (colon == name.npos) continue;
    lock.packages.back().architecture = name.substr(colon + 1);
    lock.foreign_architectures.push_back(lock.packages.back().architecture);
  }
  std::sort(lock.foreign_architectures.begin(), lock.foreign_architectures.end());
  std::sort(packages.begin(), packages.end());
  lock.request.packages = std::move(packages);
}

}  // namespace

Lock sample_lock(const std::vector<std::string>& packages) {
  Lock lock;
  lock.request.base_image = "debian/bookworm";
  lock.distribution = "debian";
  lock.suite = "bookworm";
  lock.architecture = "amd64";
  lock.repositories = {bookworm()};
  lock.base = {sample_package("libc6", "2.36-9+deb12u13"), sample_package("dpkg", "1.21.22")};
  request(lock, packages);
  return lock;
}

Lock sample_lock_with_everything() {
  Lock lock = sample_lock({"git", "ca-certificates"});
  lock.packages[0].version = "1:2.39.5-0+deb12u2~test";
  lock.packages[0].path = "pool/main/g/git/git_2.39.5-0+deb12u2~test_amd64.deb";
  lock.request.recommends = true;
  lock.request.repositories = {{"tools", "keys/tools.asc", blake3("key"), "stable", {"contrib", "main"}}};
  lock.repositories.emplace_back(DebRepository{.archive = "tools",
                                               .suite = "stable",
                                               .components = {"contrib", "main"},
                                               .date = "2026-07-01T00:00:00Z",
                                               .signers = {"0123456789ABCDEF0123456789ABCDEF01234567"},
                                               .indexes = {{"main/binary-amd64/Packages", Sha256(blake3("tools"))}}});
  lock.files = {{"etc/motd", "/etc/motd", 0644, blake3("hello\n"), 6},
                {"bin/it's me", "/usr/local/bin/it's $me: \"x\" y", 0755, blake3("#!"), 2}};
  lock.run = {"echo \"$HOME\" 'quoted' > /root/out", "first line\nsecond\tline \\ §"};
  lock.runtime.variables = {{"EDITOR", "vim"}, {"PROMPT", "it's $5 \"now\"\n"}};
  lock.runtime.mounts = {{"cache", "~/.cache/x:y", "/cache"}, {"work", "./src", "/work"}};
  lock.runtime.mounts[0].host = "~/.cache/x";
  lock.runtime.network_isolation = true;
  lock.answers = {{"man-db/install-setuid", "false"}, {"postfix/mailname", "it's $me \"x\""}};
  return lock;
}

Lock sample_lock_with_layers() {
  Lock lock = sample_lock({"git"});
  lock.layers = {{"layers/dev-1.tar.zst", "it's $my: \"tools\"", 5000, blake3("one")},
                 {"layers/dev-2.tar.zst", "", 6000, blake3("two")}};
  return lock;
}

Lock sample_lock_with_release() {
  Lock lock = sample_lock({"git"});
  const LockedSource library{.name = "libgrid",
                             .version = "2.0.1",
                             .kind = manifest::SourceKind::git,
                             .location = "https://git.example/libgrid.git",
                             .ref = "v2.0.1",
                             .commit = "0123456789abcdef0123456789abcdef01234567",
                             .size = 10240,
                             .sha256 = Sha256(blake3("libgrid")),
                             .patches = {{"patches/it's $me.patch", 100, Sha256(blake3("patch"))}},
                             .depends = {},
                             .build = "./configure --prefix=$out\nmake -j$jobs \"it's\" \\\n\tinstall\n",
                             .check = {"test -e $out/lib\nls", "true"}};
  const LockedSource program{.name = "solver",
                             .version = "1.4.2",
                             .kind = manifest::SourceKind::path,
                             .location = "solver",
                             .ref = {},
                             .commit = {},
                             .size = 20480,
                             .sha256 = Sha256(blake3("solver")),
                             .patches = {},
                             .depends = {"libgrid"},
                             .build = "build-solver.sh",
                             .check = {}};
  lock.release = LockedRelease{.name = "solver",
                               .destination = "/opt/apps/solver",
                               .main = "solver",
                               .entrypoints = {"solver", "solver-admin"},
                               .sources = {library, program}};
  return lock;
}

Lock sample_archive_lock(const std::vector<std::string>& packages) {
  Lock lock = sample_lock(packages);
  lock.archive = LockedArchive{Sha256(blake3("rootfs")), 123456};
  lock.request.base_image = "sha256:" + lock.archive->sha256.hex();
  lock.base.clear();
  return lock;
}

Lock sample_image_lock(const std::vector<std::string>& packages) {
  Lock lock = sample_lock(packages);
  const auto layer = [](const char* name, std::uint64_t size) {
    return LockedImageLayer{Sha256(blake3(name)), size, "application/vnd.oci.image.layer.v1.tar+gzip",
                            Sha256(blake3(std::string("diff of ") + name))};
  };
  lock.image = LockedImage{Sha256(blake3("image manifest")),
                           "linux/amd64",
                           {{"LANG", "C.UTF-8"}, {"PATH", "/usr/bin:/bin"}},
                           {layer("lower", 123456), layer("upper", 654321)}};
  lock.request.base_image = "oci:registry.example/library/debian:12";
  lock.runtime.variables["LANG"] = "de_DE.UTF-8";
  lock.base.clear();
  return lock;
}

}  // namespace karapace::testing
