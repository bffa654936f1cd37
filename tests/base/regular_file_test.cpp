// SPDX-License-Identifier: Apache-2.0
#include "base/regular_file.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace {
namespace {

using store::error_of;

class RegularFileTest : public ::testing::Test {
 protected:
  RegularFileTest() {
    ::alarm(20);  // who waits for a FIFO waits for ever
    std::filesystem::create_directories(directory_ / "inner");
    write_file_atomically(temporary_.path() / "secret", "outside", Durable::no);
    write_file_atomically(directory_ / "secret", "inside", Durable::no);
    ::mkfifo((directory_ / "fifo").c_str(), 0600);
    link("fifo", "to-fifo");
    link("../secret", "inner/up");
    link("/secret", "absolute");
    link("../secret", "out");
    link(directory_ / "secret", "back-in");
    link(temporary_.path(), "door");
    link("/proc/self/root/etc/passwd", "magic");
    fd_ = open_at(AT_FDCWD, directory_, O_PATH | O_DIRECTORY);
  }
  ~RegularFileTest() override { ::alarm(0); }

  void link(const std::filesystem::path& target, const char* name) const {
    std::filesystem::create_symlink(target, directory_ / name);
  }
  std::string read(const char* path, Links links) const {
    try {
      auto file = open_regular(fd_.get(), path, links);
      return file ? read_all(file->get(), path) : "nothing";
    } catch (const StoreError& error) {
      return error.what();
    }
  }

  TemporaryDirectory temporary_;
  std::filesystem::path directory_ = temporary_.path() / "directory";
  Fd fd_;
};

TEST_F(RegularFileTest, WhatIsNoRegularFileIsRefusedAtOnce) {
  for (auto links : {Links::followed, Links::inside, Links::as_root}) {
    EXPECT_EQ(read("fifo", links), "\"fifo\" is not a regular file");
    EXPECT_EQ(read("to-fifo", links), "\"to-fifo\" is not a regular file");
    EXPECT_EQ(read("inner", links), "\"inner\" is not a regular file");
    EXPECT_EQ(read("missing", links), "nothing");
  }
  EXPECT_EQ(read("/dev/null", Links::followed), "\"/dev/null\" is not a regular file");
  EXPECT_EQ(error_of([&] { read_file(directory_ / "fifo"); }),
            "\"" + (directory_ / "fifo").native() + "\" is not a regular file");
  EXPECT_EQ(error_of([&] { read_file_if_exists(directory_ / "to-fifo"); }),
            "\"" + (directory_ / "to-fifo").native() + "\" is not a regular file");
}

TEST_F(RegularFileTest, LinksInsideMayNotLeadOut) {
  EXPECT_EQ(read("inner/up", Links::inside), "inside");
  for (const char* name : {"out", "absolute", "back-in", "door/secret", "../secret", "magic"})
    EXPECT_EQ(read(name, Links::inside),
              "\"" + std::string(name) + "\" cannot be opened: a link leads out of its directory");
}

TEST_F(RegularFileTest, LinksInARootEndInIt) {
  for (const char* name : {"inner/up", "out", "absolute", "secret", "/secret", "../../secret"})
    EXPECT_EQ(read(name, Links::as_root), "inside") << name;
}

TEST_F(RegularFileTest, NoLinksAreFollowedWhereThereCanBeNone) {
  EXPECT_EQ(read("secret", Links::refused), "inside");
  for (const char* name : {"inner/up", "to-fifo"})
    EXPECT_EQ(read(name, Links::refused),
              "\"" + std::string(name) + "\" cannot be opened: Too many levels of symbolic links");
}

TEST_F(RegularFileTest, ItsEndIsReadAlone) {
  const auto log = directory_ / "log";
  write_file_atomically(log, "beginning and end", Durable::no);
  EXPECT_EQ(read_end_of_file(log, 3), "end");
  EXPECT_EQ(read_end_of_file(log, 100), "beginning and end");
  EXPECT_EQ(read_end_of_file(directory_ / "missing", 3), "");
  std::filesystem::resize_file(log, std::uintmax_t{2} << 30);  // beyond what read_file takes
  EXPECT_EQ(read_end_of_file(log, 3), std::string(3, '\0'));
}

}  // namespace
}  // namespace karapace
