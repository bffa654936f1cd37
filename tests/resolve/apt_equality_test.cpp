// SPDX-License-Identifier: Apache-2.0
// Resolving equals the distribution's own tools on the real archive: `apt-get --simulate install` for random sets, in
// the configuration and on the lists that the resolution itself worked with, and mmdebstrap for the base.
//
// KARAPACE_EQUALITY_SETS, "bookworm=300 trixie=100", chooses how many sets of which suites (a suite that it does not
// name is left out; default as in `default_sets`), KARAPACE_EQUALITY_SEED (default 1) which.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "generator/resolve/resolve.hpp"
#include "generator/resolve/user_configuration.hpp"
#include "tests/resolve/process.hpp"

namespace karapace::testing {
namespace {

using resolve::Recommends;
using resolve::ResolveRequest;
using Versions = std::map<std::string, std::string>;

unsigned number_from(const char* variable, unsigned otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::stoul(text));
}

constexpr const char* default_sets = "bookworm=40 trixie=8 sid=2";

unsigned sets_of(const std::string& suite) {
  const char* given = std::getenv("KARAPACE_EQUALITY_SETS");
  std::istringstream words(given == nullptr ? default_sets : given);
  for (std::string word; words >> word;)
    if (word.starts_with(suite + "=")) return static_cast<unsigned>(std::stoul(word.substr(suite.size() + 1)));
  return 0;
}

Versions versions_of(const std::vector<lock::LockedPackage>& packages) {
  Versions versions;
  for (const auto& package : packages) versions[package.name] = package.version;
  return versions;
}

/// Reads "Inst NAME [OLD] (VERSION REPOSITORIES [ARCHITECTURE])" lines; nothing when apt refused.
std::optional<Versions> simulated(const Outcome& outcome) {
  if (outcome.status != 0) return std::nullopt;
  Versions versions;
  std::istringstream lines(outcome.output);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("Inst ")) continue;
    const auto open = line.find('(');
    const auto name = line.substr(5, line.find(' ', 5) - 5);
    versions[name.substr(0, name.find(':'))] = line.substr(open + 1, line.find(' ', open) - open - 1);
  }
  return versions;
}

std::string difference(const Versions& ours, const Versions& theirs) {
  std::string text;
  for (const auto& [name, version] : ours) {
    const auto other = theirs.find(name);
    if (other == theirs.end())
      text += fmt::format(" +{}", name);
    else if (other->second != version)
      text += fmt::format(" {}({} != {})", name, version, other->second);
  }
  for (const auto& [name, version] : theirs) {
    if (!ours.contains(name)) text += fmt::format(" -{}", name);
  }
  return text;
}

class AgainstTheArchive : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (sets_of(GetParam()) == 0) GTEST_SKIP() << "KARAPACE_EQUALITY_SETS has none of " << GetParam();
  }

  ResolveRequest request(std::vector<std::string> packages) const {
    return {.distribution = "debian",
            .suite = GetParam(),
            .architecture = "amd64",
            .packages = std::move(packages),
            .mirrors = resolve::find_mirrors({.distribution = "debian",
                                              .architecture = "amd64",
                                              .configuration = resolve::default_configuration_file(),
                                              .cache = directory.path()}),
            .cache = directory.path()};
  }

  /// The one directory that the resolutions of this test work in.
  std::filesystem::path session() const {
    return std::filesystem::directory_iterator(directory.path() / "resolve-deb")->path();
  }

  Outcome apt_get(const std::vector<std::string>& packages, Recommends recommends,
                  const std::string& preferences) const {
    std::ofstream(directory.path() / "preferences") << preferences;
    std::vector<std::string> words{"apt-get", "--simulate", "--quiet=2", "--no-remove"};
    for (const char* option : {"APT::Architecture=amd64", "APT::Architectures=amd64", "Acquire::Languages=none",
                               "APT::Get::Always-Include-Phased-Updates=true", "Debug::NoLocking=true"}) {
      words.insert(words.end(), {"-o", option});
    }
    words.insert(words.end(),
                 {"-o", fmt::format("Dir::Etc::preferences={}", (directory.path() / "preferences").string())});
    words.insert(words.end(), {"-o", fmt::format("APT::Install-Recommends={}", recommends == Recommends::yes)});
    words.emplace_back("install");
    words.insert(words.end(), packages.begin(), packages.end());
    return run(words, {"APT_CONFIG=" + (session() / "etc" / "apt.conf").string()});
  }

  /// Of the packages in all indexes, or in those with `part` in their names.
  std::vector<std::string> names(std::string_view part = "") const {
    std::set<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(session() / "lists")) {
      const auto name = entry.path().filename().string();
      if (!name.ends_with("_Packages") || name.find(part) == std::string::npos) continue;
      std::ifstream lines(entry.path());
      for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("Package: ")) all.insert(line.substr(9));
      }
    }
    return {all.begin(), all.end()};
  }

  /// Compares with apt-get, which has these preferences. True when both refuse.
  bool is_refused_like_apt(const ResolveRequest& wanted, const std::string& preferences) const {
    const auto packages = fmt::format("{}\n{}", fmt::join(wanted.packages, " "), preferences);
    std::optional<Versions> ours;
    std::string message;
    try {
      ours = versions_of(resolve::resolve(wanted).packages);
    } catch (const LockError& error) {
      message = error.what();
    }
    const Outcome apt = apt_get(wanted.packages, wanted.recommends, preferences);
    const auto theirs = simulated(apt);
    EXPECT_EQ(ours.has_value(), theirs.has_value()) << packages << "\n" << message << "\n" << apt.output;
    if (!ours || !theirs) return !ours && !theirs;
    EXPECT_EQ(difference(*ours, *theirs), "") << packages;
    return false;
  }

  TemporaryDirectory directory;
};

TEST_P(AgainstTheArchive, ChoosesWhatAptGetWouldInstall) {
  resolve::resolve(request({}));
  const auto all = names();
  std::mt19937 random(number_from("KARAPACE_EQUALITY_SEED", 1));
  const unsigned sets = sets_of(GetParam());
  unsigned refused = 0;
  for (unsigned i = 0; i < sets; ++i) {
    std::vector<std::string> packages;
    for (std::size_t count = 1 + random() % 6; count > 0; --count) packages.push_back(all[random() % all.size()]);
    const auto recommends = random() % 4 == 0 ? Recommends::yes : Recommends::no;
    auto wanted = request(packages);
    wanted.recommends = recommends;
    refused += is_refused_like_apt(wanted, "") ? 1 : 0;
  }
  std::cout << fmt::format("{}: {} sets, {} of them refused by both\n", GetParam(), sets, refused);
}

TEST_P(AgainstTheArchive, PrefersWhatAptGetWouldPrefer) {
  if (GetParam() == "sid") GTEST_SKIP() << "sid has no backports";
  const auto backports = GetParam() + "-backports";
  auto first = request({});
  first.prefer = {{backports}};
  resolve::resolve(first);
  const auto all = names();
  const auto newer = names(backports);
  const auto pin = [&](const std::string& packages) {
    return fmt::format("Package: {}\nPin: release n={}\nPin-Priority: 990\n", packages, backports);
  };
  std::mt19937 random(number_from("KARAPACE_EQUALITY_SEED", 1));
  const unsigned sets = sets_of(GetParam()) / 8 + 1;
  unsigned refused = 0;
  for (unsigned i = 0; i < sets; ++i) {
    std::vector<std::string> packages;
    for (std::size_t count = 1 + random() % 4; count > 0; --count) packages.push_back(all[random() % all.size()]);
    const auto& special = newer[random() % newer.size()];
    packages.push_back(special);
    const auto pattern = i % 3 == 0 ? "*" : i % 3 == 1 ? special : special.substr(0, 4) + "*";
    auto wanted = request(packages);
    wanted.recommends = random() % 4 == 0 ? Recommends::yes : Recommends::no;
    wanted.prefer = {{pattern == "*" ? backports : pattern + "/" + backports}};
    refused += is_refused_like_apt(wanted, pin(pattern)) ? 1 : 0;
  }
  std::cout << fmt::format("{} with preferences: {} sets, {} of them refused by both\n", GetParam(), sets, refused);
}

TEST_P(AgainstTheArchive, BootstrapsWhatMmdebstrapCallsMinbase) {
  if (geteuid() != 0) GTEST_SKIP() << "mmdebstrap --simulate needs root or a user namespace";
  if (run({"mmdebstrap", "--version"}).status != 0) GTEST_SKIP() << "mmdebstrap is not installed";
  const auto base = versions_of(resolve::resolve(request({})).base);
  const auto sources = session() / "etc" / "sources.list.d" / "karapace.sources";
  const auto outcome = run({"mmdebstrap", "--variant=minbase", "--simulate", "--verbose", "--architectures=amd64",
                            "--aptopt=Acquire::Check-Valid-Until false", "--aptopt=APT::Sandbox::User \"root\"",
                            GetParam(), "/dev/null", sources.string()});
  ASSERT_EQ(outcome.status, 0) << outcome.output;
  EXPECT_EQ(difference(base, *simulated(outcome)), "");
}

INSTANTIATE_TEST_SUITE_P(Suites, AgainstTheArchive, ::testing::Values("bookworm", "trixie", "sid"),
                         [](const auto& suite) { return suite.param; });

}  // namespace
}  // namespace karapace::testing
