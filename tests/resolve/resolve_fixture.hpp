// SPDX-License-Identifier: Apache-2.0
// ResolveFixture: an archive "debian" with one suite, "sid", that a test's own key signs, and a request for it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "generator/resolve/resolve.hpp"
#include "tests/resolve/process.hpp"
#include "tests/resolve/signed_archive.hpp"

namespace karapace::testing {

class ResolveFixture : public ::testing::Test {
 protected:
  ResolveFixture() : keys(directory.path() / "gnupg"), archive(directory.path() / "archive", keys) {
    fingerprint = keys.make("archive");
    keys.export_binary({"archive"}, directory.path() / "archive.gpg");
    // What a bootstrap consists of: something essential, something required, apt, and a dependency.
    archive.add(suite, {.name = "libc", .architecture = "amd64", .fields = "Multi-Arch: same\n"});
    archive.add(suite, {.name = "base-files", .fields = "Essential: yes\nPriority: required\nPre-Depends: libc\n"});
    archive.add(suite, {.name = "tzdata", .fields = "Priority: required\n"});
    archive.add(suite, {.name = "apt", .architecture = "amd64", .fields = "Depends: libc (>= 1.0), tzdata\n"});
  }

  resolve::ResolveRequest request(std::vector<std::string> packages) const {
    resolve::ResolveRequest wanted{.distribution = "debian",
                                   .suite = suite.name,
                                   .architecture = "amd64",
                                   .base_status = {},
                                   .packages = std::move(packages),
                                   .repositories = {},
                                   .keep = {},
                                   .known = {},
                                   .upgrade = {},
                                   .mirrors = {},
                                   .cache = directory.path() / "cache"};
    wanted.mirrors.archives["debian"] = {archive.url()};
    wanted.mirrors.keyrings["debian"] = directory.path() / "archive.gpg";
    wanted.mirrors.acquisition.retries = 0;
    wanted.mirrors.acquisition.timeout_seconds = 5;
    return wanted;
  }

  /// Apt compares whole seconds: of an archive that changed within one, a cache would show what it was.
  std::filesystem::path fresh_cache() { return directory.path() / ("cache" + std::to_string(++caches)); }

  resolve::Resolution resolve(std::vector<std::string> packages) const {
    return resolve::resolve(request(std::move(packages)));
  }

  static lock::DebRepository as_deb(const lock::LockedRepository& repository) {
    return std::get<lock::DebRepository>(repository);
  }

  /// "name version name version ...", in the order given.
  static std::string text(const std::vector<lock::LockedPackage>& packages) {
    std::string all;
    for (const auto& package : packages) {
      all += (all.empty() ? "" : " ") + package.name + " " + package.version;
    }
    return all;
  }

  /// The message of the error that resolving ends with.
  template <class ExpectedError>
  static std::string refusal(const resolve::ResolveRequest& wanted) {
    try {
      resolve::resolve(wanted);
    } catch (const ExpectedError& error) {
      return error.what();
    } catch (const Error& error) {
      return std::string("another kind of error: ") + error.what();
    }
    return "no error";
  }

  TemporaryDirectory directory;
  Keys keys;
  SignedArchive archive;
  TestSuite suite;
  std::string fingerprint;
  int caches = 0;
};

}  // namespace karapace::testing
