// SPDX-License-Identifier: Apache-2.0
// BackportsFixture: a stable release of which a test decides what its backports have, and what apt-get makes of both.
#pragma once

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/resolve/resolve_fixture.hpp"

namespace karapace::testing {

/// A stable release with backports beside it, and, where a test wants it, proposed updates.
class BackportsFixture : public ResolveFixture {
 protected:
  BackportsFixture() {
    suite.name = "bookworm";
    for (const auto& [name, fields] : {std::pair("base-files", "Essential: yes\nPriority: required\n"), {"apt", ""}})
      archive.add(suite, {.name = name, .fields = fields});
    archive.publish({.name = "bookworm-updates"});
    archive.publish({.name = "bookworm-security"});
  }

  void add(const TestSuite& to, const std::string& name, const std::string& version, const std::string& fields = "") {
    archive.add(to, {.name = name, .version = version, .fields = fields});
  }

  resolve::ResolveRequest request(std::vector<std::string> packages) {
    archive.publish(suite);
    archive.publish(backports);
    auto wanted = ResolveFixture::request(std::move(packages));
    wanted.cache = cache = fresh_cache();
    wanted.mirrors.archives["debian-security"] = {archive.url()};
    wanted.mirrors.keyrings["debian-security"] = directory.path() / "archive.gpg";
    return wanted;
  }

  std::string chosen(std::vector<std::string> packages) {
    return text(resolve::resolve(request(std::move(packages))).packages);
  }

  /// What apt-get would do on the same lists and base, with these preferences of its own.
  Outcome apt_get(const std::vector<std::string>& packages, const std::string& preferences = "") const {
    const auto session = std::filesystem::directory_iterator(cache / "resolve-deb")->path();
    std::vector<std::string> words{"apt-get",
                                   "--simulate",
                                   "--quiet=2",
                                   "-o",
                                   "APT::Architecture=amd64",
                                   "-o",
                                   "APT::Architectures=amd64",
                                   "-o",
                                   "Debug::NoLocking=true",
                                   "-o",
                                   "APT::Install-Recommends=false",
                                   "install"};
    words.insert(words.end(), packages.begin(), packages.end());
    write_text(cache / "preferences", preferences);
    words.insert(words.begin() + 3, {"-o", "Dir::Etc::preferences=" + (cache / "preferences").string()});
    return run(words, {"APT_CONFIG=" + (session / "etc" / "apt.conf").string()});
  }

  /// What it would install, "name version name version ...", in its order.
  std::string of_apt(const std::vector<std::string>& packages, const std::string& preferences = "") const {
    const auto outcome = apt_get(packages, preferences);
    if (outcome.status != 0) return outcome.output;
    std::istringstream lines(outcome.output);
    std::string all;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("Conf ")) continue;
      const auto open = line.find('(');
      all += (all.empty() ? "" : " ") + line.substr(5, line.find(' ', 5) - 5) + " " +
             line.substr(open + 1, line.find(' ', open) - open - 1);
    }
    return all;
  }

  TestSuite backports{.name = "bookworm-backports", .more_fields = "NotAutomatic: yes\nButAutomaticUpgrades: yes\n"};
  std::filesystem::path cache;
};

}  // namespace karapace::testing
