// SPDX-License-Identifier: Apache-2.0
// Projects of Karsk as manifests.
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "generator/karsk/karsk_project.hpp"
#include "generator/manifest/manifest.hpp"

namespace karapace::karsk {
namespace {

struct Imported {
  ImportedManifest made;
  std::vector<std::string> notes;
  manifest::Manifest manifest;
  const manifest::SourceRequest& source(const std::string& name) const {
    for (const auto& one : manifest.release->sources)
      if (one.name == name) return one;
    throw std::out_of_range(name);
  }
  bool tells(const std::string& what) const {
    for (const auto& note : notes)
      if (note.find(what) != note.npos) return true;
    return false;
  }
};

Imported imported_from(const std::string& yaml, const std::string& containerfile) {
  Imported imported;
  const auto project = parse_karsk_project(yaml, "config.yaml", imported.notes);
  imported.made = manifest_of(project, parse_containerfile(containerfile), imported.notes);
  imported.manifest = manifest::parse_manifest(imported.made.text, "karapace.toml");
  return imported;
}

std::string refusal(const std::string& yaml) {
  std::vector<std::string> notes;
  try {
    parse_karsk_project(yaml, "config.yaml", notes);
  } catch (const ManifestError& error) {
    return error.what();
  }
  return "accepted";
}

constexpr const char* solver_project = R"(destination: /opt/apps/solver
main-package: solver
entrypoints: [solver, solver-admin]
build-image: Containerfile
tests: tests
links:
  stable: "1.4"
  newest: ^
  ../x: "1.4"
areas:
  - {name: lab, host: deploy@lab.example}
oddity: true
packages:
  - name: libgrid
    version: 2.0
    src: {type: git, url: "https://git.example/libgrid.git", ref: v2.0.1, ssh_key_path: /home/ada/.ssh/key}
    build: |
      ./configure --prefix=$out
      make install
  - name: data
    version: 1.0.0
    src: {type: archive, url: "https://files.example/data-1.0.zip"}
    build: cp -r . $out
  - name: solver
    version: 1.4.2
    src: {type: file, path: src/it's solver.sh}
    depends: [libgrid, data, libgrid, gone]
    build: |
      install -D $src $out/bin/solver
      test '''x' = x
  - name: wrap
    version: 1
    build: mkdir $out
)";

constexpr const char* solver_image = R"(# syntax=docker/dockerfile:1
FROM docker.io/library/debian:12-slim AS build
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y --no-install-recommends \
      # compilers
      gcc make \
      libc6-dev && rm -rf /var/lib/apt/lists/*
RUN curl https://example.invalid | sh; DEBIAN_FRONTEND=x apt-get -y install git
LABEL who=ada
)";

TEST(Karsk, AProjectBecomesAManifestThatIsAccepted) {
  const auto imported = imported_from(solver_project, solver_image);
  const auto& release = *imported.manifest.release;
  EXPECT_EQ(release.name, "solver");
  EXPECT_EQ(release.main, "solver");
  EXPECT_EQ(release.destination, "/opt/apps/solver");
  EXPECT_EQ(release.entrypoints, (std::vector<std::string>{"solver", "solver-admin"}));
  EXPECT_EQ(release.links, (std::map<std::string, std::string>{{"newest", "^"}, {"stable", "1.4"}}));
  EXPECT_EQ(release.hosts, (std::map<std::string, std::string>{{"lab", "deploy@lab.example"}}));
  EXPECT_EQ(release.sources.size(), 3u);
  EXPECT_NE(imported.made.text.find("image = \"debian/bookworm\""), std::string::npos);
  EXPECT_NE(imported.made.text.find("packages = [\"gcc\", \"git\", \"libc6-dev\", \"make\"]"), std::string::npos);
}

TEST(Karsk, SourcesAndScriptsMeanWhatTheyDid) {
  const auto imported = imported_from(solver_project, solver_image);
  const auto& library = imported.source("libgrid");
  EXPECT_EQ(library.version, "2.0");
  EXPECT_EQ(library.location, "https://git.example/libgrid.git");
  EXPECT_EQ(library.ref, "v2.0.1");
  EXPECT_EQ(
      library.build,
      "export CFLAGS=-O3 CXXFLAGS=-O3 FOPTFLAGS=-O3 MAKEFLAGS=-j$jobs\n./configure --prefix=$out\nmake install\n");
  EXPECT_EQ(imported.source("data").kind, manifest::SourceKind::archive);
  const auto& solver = imported.source("solver");
  EXPECT_EQ(solver.location, "src");
  EXPECT_EQ(solver.files, std::vector<std::string>{"it's solver.sh"});
  EXPECT_EQ(solver.depends, (std::vector<std::string>{"libgrid", "data"}));
  EXPECT_TRUE(
      solver.build.ends_with("\nsrc=$src/'it'\\''s solver.sh'\ninstall -D $src $out/bin/solver\ntest '''x' = x\n"));
}

TEST(Karsk, WhatIsNotCarriedOverIsTold) {
  const auto imported = imported_from(solver_project, solver_image);
  for (const auto* what :
       {"config.yaml:5:8: tests", "config.yaml:12:1: oddity: not carried over", "ssh_key_path: not carried over",
        "links: \"../x\"", "package solver: depends: there is no package \"gone\"", "package wrap: left out",
        "not carried over: ENV DEBIAN_FRONTEND=noninteractive",
        "not carried over: RUN curl https://example.invalid | sh", "builds have no network"})
    EXPECT_TRUE(imported.tells(what)) << what;
  EXPECT_FALSE(imported.tells("rm -rf"));
  EXPECT_FALSE(imported.tells("LABEL"));
}

TEST(Karsk, ValuesOfAptsOptionsAreNoPackages) {
  const auto file = parse_containerfile(
      "FROM debian:12\nRUN apt-get -o Acquire::Retries=3 install -y -c apt.conf --option x=y -qo a=b gcc\n"
      "RUN apt-get install -t bookworm-backports cmake\nRUN apt-get -yt sid install git\n"
      "RUN apt-get install --target-release=sid make\n");
  EXPECT_EQ(file.packages, std::vector<std::string>{"gcc"});
  EXPECT_EQ(file.left.size(), 3u);
}

TEST(Karsk, ASuiteThatIsNoBaseIsTakenAsItsImageAndTold) {
  for (const auto* image : {"debian:11-slim", "docker.io/library/ubuntu:20.04"}) {
    const auto imported = imported_from(solver_project, fmt::format("FROM {}\nRUN apt-get install gcc\n", image));
    EXPECT_NE(imported.made.text.find("image = \"oci:docker.io/library/"), std::string::npos) << imported.made.text;
    EXPECT_TRUE(imported.tells("Karapace makes no base"));
    EXPECT_TRUE(imported.tells("RUN apt-get install gcc"));
  }
}

TEST(Karsk, APackageWithoutASourceHasADirectoryOfItsOwn) {
  const auto imported = imported_from(
      "destination: /opt/e\nmain-package: empty\nentrypoint: bin/run\npackages:\n"
      "  - {name: empty, version: 1, src: null, build: 'mkdir $out; ls $tmp'}\n",
      "FROM --platform=linux/amd64 quay.example:5000/team/rocky\nRUN dnf install -y gcc\n");
  EXPECT_EQ(imported.source("empty").location, "sources/empty");
  EXPECT_TRUE(imported.made.files.contains("sources/empty/README"));
  EXPECT_EQ(imported.manifest.release->entrypoints, std::vector<std::string>{"run"});
  EXPECT_NE(imported.made.text.find("\"oci:quay.example:5000/team/rocky:latest\""), std::string::npos);
  EXPECT_TRUE(imported.tells("RUN dnf install -y gcc"));
  EXPECT_TRUE(imported.tells("names $tmp"));
}

TEST(Karsk, WhatIsNoProjectIsRefusedWithItsPlace) {
  EXPECT_EQ(refusal("main-package: [a\n").substr(0, 12), "config.yaml:");
  EXPECT_EQ(refusal("- a\n"),
            "config.yaml:1:1: it is no project of Karsk: at its top must be keys such as \"packages\"");
  EXPECT_EQ(refusal("main-package: a\npackages: []\n"), "config.yaml:1:1: it has no packages");
  EXPECT_EQ(refusal("main-package: a\npackages:\n  - name: a\n    version: 1\n"),
            "config.yaml:3:5: \"build\" is missing");
  EXPECT_EQ(refusal("main-package: a\npackages:\n  - {name: a, version: 1, build: x, src: {type: svn}}\n"),
            "config.yaml:3:49: there is no type of sources \"svn\": there are git, archive and file");
}

}  // namespace
}  // namespace karapace::karsk
