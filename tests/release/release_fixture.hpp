// SPDX-License-Identifier: Apache-2.0
// Releases as builds leave them in a store, without building: layers of packages, and the tree of links into them.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "release/install.hpp"
#include "release/upkeep.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::release {

namespace fs = std::filesystem;
using store::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

/// What a package has: path -> text of a file; "-> TARGET" is a link, "= PATH" a further name, "/" a directory.
using Files = std::map<std::string, std::string>;

class ReleaseTest : public store::StoreTest {
 protected:
  LayerId layer_of(const Files& files);
  /// A release of the package app, which needs lib. What `content` is, app tells.
  Release release_of(const std::string& version, const std::string& content);
  InstallOptions options() const;
  Installed install_of(const std::string& version, const std::string& content) {
    return install(store_, release_of(version, content), options());
  }
  std::string read(const fs::path& path) const;
  /// Names in the destination's directories that nobody finished.
  std::vector<std::string> unfinished() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(destination_))
      if (entry.path().filename().native().starts_with(".new-")) found.push_back(entry.path());
    return found;
  }
  /// Makes release.json and the links.
  LayerId tree_of(const store::ReleaseDocument& document, const std::vector<Files>& packages);

  fs::path destination_ = temporary_.path() / "apps" / "app";
};

}  // namespace karapace::release
