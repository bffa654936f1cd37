// SPDX-License-Identifier: Apache-2.0
// Archives of changes: what is packed is what the step makes of it, and what nobody may put into one.
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.hpp"
#include "runtime/trees/changes_archive.hpp"
#include "store/listing.hpp"
#include "store/scan.hpp"
#include "tests/steps/tar_builder.hpp"
#include "tests/steps/unpack_fixture.hpp"

namespace karapace::steps {
namespace {

namespace fs = std::filesystem;

const TarEntry top{.name = "./", .type = '5', .mode = 0755};
const std::string refused = "commit x: refused: ";

class Commit : public Unpacking {
 protected:
  void SetUp() override {
    Unpacking::SetUp();
    upper_ = directory() / "upper";
    fs::create_directory(upper_);
  }

  static void write(const fs::path& path, const std::string& bytes, mode_t mode = 0644) {
    auto file = open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    write_all(file.get(), bytes, path.native());
    ASSERT_EQ(::fchmod(file.get(), mode), 0);
  }
  void set_xattr(const char* path, const char* name, const std::string& value) const {
    ASSERT_EQ(::lsetxattr((upper_ / path).c_str(), name, value.data(), value.size(), 0), 0) << name;
  }
  void whiteout(const char* path) const { ASSERT_EQ(::mknod((upper_ / path).c_str(), S_IFCHR, 0), 0); }

  store::Listing upper_listing() const {
    auto tree = open_at(AT_FDCWD, upper_, O_RDONLY | O_DIRECTORY);
    store::ScanOptions options;
    if (::geteuid() != 0) options.owners = store::Owners::ignore;
    return store::scan(tree.get(), options);
  }
  std::string packed() const {
    auto tree = open_at(AT_FDCWD, upper_, O_RDONLY | O_DIRECTORY);
    const auto path = directory() / "archive";
    auto output = open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const auto listing = upper_listing();
    trees::pack_changes({.tree = tree.get(), .listing = listing, .output = output.get(), .label = "pack"});
    return read_file(path);
  }
  std::string refusal(const std::vector<TarEntry>& entries) {
    TarBuilder tar;
    tar.add(top);
    for (const auto& entry : entries) tar.add(entry);
    return committing(tar.finish());
  }

  fs::path upper_;
};

TEST_F(Commit, MakesTheTreeThatWasPacked) {
  for (const char* name : {"etc", "etc/empty", "usr", "usr/opaque", "dev"}) fs::create_directory(upper_ / name);
  write(upper_ / "etc/file", "content\n", 0640);
  write(upper_ / "usr/set-id", "#!", 06755);
  write(upper_ / "usr/none", "");
  fs::create_hard_link(upper_ / "etc/file", upper_ / "usr/another name");
  fs::create_symlink("../nowhere/\xff\n", upper_ / "etc/link");
  ASSERT_EQ(::mkfifo((upper_ / "etc/pipe").c_str(), 0620), 0);
  whiteout("etc/gone");
  const std::string odd = "caf\xc3\xa9 cafe\xcc\x81 \xff\n\\ = ";
  write(upper_ / odd, "odd");
  std::string deep = std::string(250, 'd');
  for (int i = 0; i < 8; ++i, deep += "/" + std::string(250, 'd')) fs::create_directory(upper_ / deep);
  write(upper_ / deep, "deep");
  set_xattr("etc/file", "user.a=b %", std::string("\0\n=\xff", 4));
  set_xattr("etc/file", "user.empty", "");
  set_xattr("etc/empty", "user.of.a.directory", "x");
  set_xattr("etc/empty", "user.overlay.overlay.opaque", "y");  // of an overlay inside
  set_xattr("usr/opaque", "user.overlay.opaque", "y");
  set_xattr("usr/opaque", "user.overlay.origin", "something");
  const timespec times[2] = {{-5, 999'999'999}, {-5, 999'999'999}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (upper_ / "usr/none").c_str(), times, 0), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown((upper_ / "usr/none").c_str(), 4'000'000'000, 70'000), 0);
    ASSERT_EQ(::lchown((upper_ / "etc/link").c_str(), 5, 6), 0);
    set_xattr("usr/set-id", "security.capability", std::string("\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20));
    // user 7 may read and write
    const std::string acl(
        "\2\0\0\0\1\0\6\0\xff\xff\xff\xff\2\0\6\0\7\0\0\0\4\0\4\0\xff\xff\xff\xff\x10\0\6\0\xff\xff\xff\xff"
        "\x20\0\4\0\xff\xff\xff\xff",
        44);
    set_xattr("usr/none", "system.posix_acl_access", acl);
    set_xattr("etc/empty", "system.posix_acl_default", acl);
  }
  const auto bytes = packed();
  ASSERT_EQ(committing(bytes), "accepted");
  EXPECT_EQ(listing().text(), upper_listing().text());
  EXPECT_EQ(scanned().text(), upper_listing().text());
  EXPECT_NE(listing().text().find("opaque"), std::string::npos);
  EXPECT_EQ(packed(), bytes);  // and the same bytes each time
}

TEST_F(Commit, LeavesHolesWhereSparseFilesHaveThem) {
  auto file = open_at(AT_FDCWD, upper_ / "image", O_WRONLY | O_CREAT, 0644);
  ASSERT_EQ(::pwrite(file.get(), "begin", 5, 10'000), 5);
  ASSERT_EQ(::pwrite(file.get(), "end", 3, (64 << 20) - 1), 3);
  ASSERT_EQ(::ftruncate(file.get(), 100 << 20), 0);
  const auto bytes = packed();
  EXPECT_LT(bytes.size(), 100'000U);
  ASSERT_EQ(committing(bytes), "accepted");
  EXPECT_EQ(scanned().text(), upper_listing().text());
  struct stat status{};
  ASSERT_EQ(::stat((store().layer_tree(listing().id()) / "image").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 100 << 20);
  EXPECT_LE(status.st_blocks * 512, 64 << 10);
}

TEST_F(Commit, PacksTheSameBytesOfATreeWhoseHolesAreFilled) {
  auto sparse = open_at(AT_FDCWD, upper_ / "image", O_WRONLY | O_CREAT, 0644);
  ASSERT_EQ(::ftruncate(sparse.get(), 1 << 20), 0);
  const timespec times[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(::futimens(sparse.get(), times), 0);
  const auto bytes = packed();
  write_all(sparse.get(), std::string(1 << 20, '\0'), "image");
  ASSERT_EQ(::futimens(sparse.get(), times), 0);
  const timespec of_directory[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, upper_.c_str(), of_directory, 0), 0);
  const auto filled = packed();
  ASSERT_EQ(::ftruncate(sparse.get(), 0), 0);
  ASSERT_EQ(::ftruncate(sparse.get(), 1 << 20), 0);
  ASSERT_EQ(::futimens(sparse.get(), times), 0);
  EXPECT_EQ(packed(), filled);
  EXPECT_FALSE(bytes.empty());
}

TEST_F(Commit, OfHostileArchivesIsRefused) {
  const TarEntry etc{.name = "etc", .type = '5', .mode = 0755};
  const TarEntry gone{.name = "etc/gone", .type = '3'};
  const struct {
    const char* title;
    std::vector<TarEntry> entries;
    std::string said;
  } cases[] = {
      {"a way out", {{.name = "../x"}}, refused + "the path \"../x\" leads outside"},
      {"an absolute path", {{.name = "/x"}}, refused + "the path \"/x\" is absolute"},
      {"below a link",
       {{.name = "l", .type = '2', .link = "/etc"}, {.name = "l/x"}},
       refused + "\"l/x\" passes through \"l\", which is not a directory"},
      {"below a file", {{.name = "f"}, {.name = "f/x"}}, refused + "\"f/x\" passes through \"f\""},
      {"below what is gone",
       {etc, gone, {.name = "etc/gone/x"}},
       refused + "\"etc/gone/x\" passes through \"etc/gone\""},
      {"a file twice", {{.name = "f"}, {.name = "f"}}, refused + "\"f\" appears twice"},
      {"a directory twice", {etc, etc}, refused + "\"etc\" appears twice"},
      {"gone and there", {etc, gone, {.name = "etc/gone"}}, refused + "\"etc/gone\" appears twice"},
      {"without its directory", {{.name = "etc/x"}}, refused + "the directory \"etc\" of \"etc/x\" does not stand"},
      {"a hard link to nothing", {{.name = "h", .type = '1', .link = "x"}}, refused + "the hard link \"h\" points to"},
      {"a hard link to what is gone",
       {etc, gone, {.name = "h", .type = '1', .link = "etc/gone"}},
       refused + "the hard link \"h\" points to"},
      {"a hard link out", {{.name = "h", .type = '1', .link = "../x"}}, refused + "the path \"../x\" leads outside"},
      {"a block device", {{.name = "d", .type = '4'}}, refused + "\"d\" is a device node"},
      {"a whiteout by name", {etc, {.name = "etc/.wh.x"}}, refused + "the path \"etc/.wh.x\" is a whiteout"},
      {"an opaque directory by name", {etc, {.name = "etc/.wh..wh..opq"}}, refused + "the path"},
      {"no place to mount on", {{.name = "proc", .type = '3'}}, refused + "\"/proc\" is no directory"},
      {"a pipe for all", {etc, {.name = "etc/passwd", .type = '6'}}, refused + "\"/etc/passwd\" is a FIFO"},
  };
  for (const auto& one : cases) {
    const auto said = refusal(one.entries);
    EXPECT_EQ(said.substr(0, one.said.size()), one.said) << one.title;
  }
  EXPECT_EQ(refusal({etc, gone}), "accepted");
  EXPECT_TRUE(committing(TarBuilder().add(etc).finish()).starts_with(refused + "it does not say what the root"));
}

TEST_F(Commit, OfMarksThatAreNoneIsRefused) {
  const auto with = [&](const char* name, const char* value, const TarEntry& entry) {
    TarBuilder tar;
    tar.add(top).add_pax({{std::string("SCHILY.xattr.") + name, value}}).add(entry);
    return committing(tar.finish());
  };
  const TarEntry directory{.name = "d", .type = '5', .mode = 0755};
  EXPECT_EQ(with("user.overlay.opaque", "y", directory), "accepted");
  EXPECT_TRUE(listing().find("d")->opaque);
  EXPECT_EQ(with("user.overlay.opaque", "x", directory),
            refused + "the attribute user.overlay.opaque of \"d\" is none that a layer holds");
  EXPECT_EQ(with("user.overlay.opaque", "y", {.name = "d"}),
            refused + "the attribute user.overlay.opaque of \"d\" is none that a layer holds");
  EXPECT_EQ(with("user.overlay.opaque", "y", top),
            refused + "the attribute user.overlay.opaque of \"\" is none that a layer holds");
  for (const char* name : {"user.overlay.redirect", "user.overlay.metacopy", "user.fuseoverlayfs.opaque",
                           "user.karapace.owner", "trusted.overlay.opaque", "security.selinux"})
    EXPECT_EQ(with(name, "y", directory),
              fmt::format("{}the attribute {} of \"d\" is none that a layer holds", refused, name));
}

TEST_F(Commit, OfListsThatSayNothingIsRefused) {
  const auto with = [&](const std::string& value, unsigned mode) {
    TarBuilder tar;
    tar.add(top).add_pax({{"SCHILY.xattr.system.posix_acl_access", value}}).add({.name = "f", .mode = mode});
    return committing(tar.finish());
  };
  const auto entry = [](char tag, char permissions, const std::string& id) {
    return std::string{tag, 0, permissions, 0} + id;
  };
  const std::string version("\2\0\0\0", 4), nobody(4, '\xff'), somebody("\1\0\1\0", 4);  // 65537
  const auto owner = entry(1, 6, nobody), user = entry(2, 6, somebody), group = entry(4, 4, nobody),
             mask = entry(16, 6, nobody), other = entry(32, 4, nobody);
  const auto said = refused + "the attribute system.posix_acl_access of \"f\" ";
  EXPECT_EQ(with(version + owner + user + group + mask + other, 0664), "accepted");
  EXPECT_EQ(scanned().text(), listing().text());
  EXPECT_EQ(with(version + owner + user + group + mask + other, 0644), said + "is not what the mode says");
  EXPECT_EQ(with(version + owner + user + group + other, 0664), said + "is an access control list that lacks an entry");
  EXPECT_EQ(with(version + owner + group + other, 0644), said + "says no more than the mode: leave it out");
  EXPECT_EQ(with(version + user + owner + group + mask + other, 0664), said + "is no access control list");
  EXPECT_EQ(with(version + owner + entry(2, 9, somebody) + group + mask + other, 0664),
            said + "is no access control list");
  EXPECT_EQ(with(version + owner + entry(2, 6, nobody) + group + mask + other, 0664),
            said + "is no access control list");
  EXPECT_EQ(with("text", 0664), said + "is no access control list");
}

TEST_F(Commit, BelievesMarksOfChangesAlone) {
  TarBuilder tar;
  tar.add(top).add_pax({{"SCHILY.xattr.user.overlay.opaque", "y"}}).add({.name = "d", .type = '5', .mode = 0755});
  ASSERT_EQ(unpacking("tar", tar.finish()), "accepted");
  EXPECT_FALSE(listing().find("d")->opaque);
  EXPECT_EQ(unpacking("tar", TarBuilder().add(top).add({.name = "gone", .type = '3'}).finish()).substr(0, 40),
            "unpack x: refused: \"gone\" is a device no");
}

TEST_F(Commit, OfAFileThatChangesWhileItIsPackedFails) {
  write(upper_ / "file", "before");
  const auto listing = upper_listing();
  fs::remove(upper_ / "file");
  write(upper_ / "file", "behind");
  auto tree = open_at(AT_FDCWD, upper_, O_RDONLY | O_DIRECTORY);
  auto output = open_at(AT_FDCWD, directory() / "archive", O_WRONLY | O_CREAT, 0600);
  try {
    trees::pack_changes({.tree = tree.get(), .listing = listing, .output = output.get(), .label = "pack"});
    ADD_FAILURE() << "it was packed";
  } catch (const StoreError& error) {
    EXPECT_STREQ(error.what(), "pack: \"/file\" changed while it was read; end what writes to it and try again");
  }
}

}  // namespace
}  // namespace karapace::steps
