// SPDX-License-Identifier: Apache-2.0
// What a slim base's dpkg leaves out of the packages that are installed on it.
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "base/directory.hpp"
#include "runtime/steps/deb/dpkg_database.hpp"
#include "runtime/trees/composition.hpp"
#include "store/store.hpp"

namespace karapace::steps::deb {
namespace {

using store::EntryType;

class Filtering : public ::testing::Test {
 protected:
  Filtering() : store_(store::Store::open(directory_.path() / "store", store::Store::Access::create)) {}

  PathFilters filters(const std::map<std::string, std::string>& files,
                      const std::map<std::string, std::string>& links = {}) const {
    const trees::LayerStack nothing(store_, {});
    trees::Composition base(nothing);
    for (const auto& [path, text] : files) base.put_file(path, text, 5);
    for (const auto& [path, target] : links) {
      trees::Node link;
      link.entry.path = path;
      link.entry.type = EntryType::symlink;
      link.entry.target = target;
      link.entry.mode = 0777;
      base.put(std::move(link));
    }
    auto staging = store_.stage();
    make_directory(staging.path() / "tree");
    base.write(staging.path() / "tree");
    base.write_directory_times(staging.path() / "tree");
    const trees::LayerStack lower(store_,
                                  {store_.add_layer(staging.path() / "tree", std::move(base).listing(), staging)});
    return PathFilters(lower);
  }

  TemporaryDirectory directory_;
  store::Store store_;
};

TEST_F(Filtering, NothingLeavesOutNothing) {
  EXPECT_FALSE(filters({}).leave_out("/usr/share/doc/x/README", EntryType::regular));
  EXPECT_FALSE(filters({{"etc/dpkg/dpkg.cfg", "# path-exclude /usr/*\nno-debsig\npath-excluded /usr/*\n"}})
                   .leave_out("/usr/share", EntryType::regular));
}

TEST_F(Filtering, TheLastFilterThatMatchesDecides) {
  const auto slim = filters({{"etc/dpkg/dpkg.cfg.d/docker",
                              "path-exclude /usr/share/doc/*\n  path-include=/usr/share/doc/*/copyright\n"
                              "path-exclude = \"/usr/share/man/*\"\n"}});
  EXPECT_TRUE(slim.leave_out("/usr/share/doc/x/README", EntryType::regular));
  EXPECT_FALSE(slim.leave_out("/usr/share/doc/x/copyright", EntryType::regular));
  EXPECT_TRUE(slim.leave_out("/usr/share/man/man1/x.1.gz", EntryType::regular));
  EXPECT_FALSE(slim.leave_out("/usr/share/info/x", EntryType::regular));
}

TEST_F(Filtering, DirectoriesStayWhereSomethingBelowMayBeIncluded) {
  const auto slim = filters({{"etc/dpkg/dpkg.cfg.d/docker",
                              "path-exclude /usr/share/doc/*\npath-include /usr/share/doc/*/copyright\n"
                              "path-exclude /usr/share/man/*\n"}});
  EXPECT_FALSE(slim.leave_out("/usr/share/doc/x", EntryType::directory));
  EXPECT_FALSE(slim.leave_out("/usr/share/doc/y", EntryType::symlink));
  EXPECT_TRUE(slim.leave_out("/usr/share/man/de", EntryType::directory));
}

TEST_F(Filtering, FilesOfTheConfigurationMayBeLinks) {
  const auto slim =
      filters({{"opt/filters", "path-exclude /usr/share/doc/*\n"}}, {{"etc/dpkg/dpkg.cfg.d/x", "/opt/filters"}});
  EXPECT_TRUE(slim.leave_out("/usr/share/doc/x", EntryType::regular));
}

TEST_F(Filtering, PartsAreReadInOrderBeforeTheMainFile) {
  const auto filter = filters({{"etc/dpkg/dpkg.cfg.d/b", "path-include /a/*\n"},
                               {"etc/dpkg/dpkg.cfg.d/a", "path-exclude /a/*\n"},
                               {"etc/dpkg/dpkg.cfg.d/c.dpkg-old", "path-exclude /a/*\n"},
                               {"etc/dpkg/dpkg.cfg", "path-exclude /a/main/*\n"}});
  EXPECT_FALSE(filter.leave_out("/a/x", EntryType::regular));
  EXPECT_TRUE(filter.leave_out("/a/main/x", EntryType::regular));
}

}  // namespace
}  // namespace karapace::steps::deb
