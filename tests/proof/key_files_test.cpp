// SPDX-License-Identifier: Apache-2.0
#include "proof/signing/key_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace karapace::signing {
namespace {

using testing::HasSubstr;

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

class KeyFilesTest : public testing::Test {
 protected:
  template <class Call>
  static std::string refusal(Call call) {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  }
  std::string reading(std::string_view word) const {
    return refusal([&] { read_secret_key(keys_, word); });
  }

  TemporaryDirectory directory_;
  std::filesystem::path keys_ = directory_.path() / "config/keys";
};

TEST_F(KeyFilesTest, ANewKeyIsItsOwnersAloneAndCanSign) {
  const auto made = make_key(keys_, "alice");
  EXPECT_EQ(mode_of(keys_), 0700U);
  EXPECT_EQ(mode_of(made.secret_file), 0600U);
  EXPECT_EQ(mode_of(made.public_file), 0644U);
  EXPECT_EQ(read_file(made.public_file), text(made.public_key) + "\n");
  const auto secret = read_secret_key(keys_, "alice");
  EXPECT_EQ(secret.public_key(), made.public_key.key);
  EXPECT_EQ(find_public_key(keys_, "alice"), made.public_key);
  EXPECT_EQ(find_public_key(keys_, made.public_file.native()), made.public_key);
  EXPECT_EQ(find_public_key(keys_, text(made.public_key)), made.public_key);
}

TEST_F(KeyFilesTest, NothingIsEverOverwritten) {
  const auto made = make_key(keys_, "alice");
  const auto secret = read_file(made.secret_file);
  EXPECT_THAT(refusal([&] { make_key(keys_, "alice"); }), HasSubstr("alice.pub\" exists; choose another name"));
  std::filesystem::remove(made.public_file);
  EXPECT_THAT(refusal([&] { make_key(keys_, "alice"); }), HasSubstr("alice.key\" exists; choose another name"));
  EXPECT_EQ(read_file(made.secret_file), secret);
  std::filesystem::create_symlink(directory_.path() / "elsewhere", keys_ / "link.key");
  EXPECT_THAT(refusal([&] { make_key(keys_, "link"); }), HasSubstr("link.key\" exists"));
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "elsewhere"));
}

TEST_F(KeyFilesTest, ASecretThatOthersCanReadIsNotUsed) {
  const auto made = make_key(keys_, "alice");
  ASSERT_EQ(::chmod(made.secret_file.c_str(), 0640), 0);
  EXPECT_THAT(reading("alice"), HasSubstr("alice.key\" (mode 0640); if nobody has, run `chmod 600"));
}

TEST_F(KeyFilesTest, WhatIsNoKeyIsRefused) {
  make_key(keys_, "alice");
  EXPECT_THAT(reading("bob"), HasSubstr("there is no secret key \"bob\""));
  EXPECT_THAT(reading("bob"), HasSubstr("there are alice"));
  EXPECT_THAT(reading("./bob"), HasSubstr("there is no file"));
  EXPECT_THAT(reading((keys_ / "alice.pub").native()), HasSubstr("others can use"));
  EXPECT_THAT(refusal([&] { find_public_key(keys_, (keys_ / "alice.key").native()); }),
              HasSubstr("this is a secret key"));
  for (const std::string line : {"", "karapace-ed25519", "karapace-ed25519 AAAA alice", "ssh-ed25519 AAAA alice",
                                 "karapace-ed25519 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= two words"})
    EXPECT_THAT(refusal([&] { parse_public_key(line, "x"); }), HasSubstr("x: this is no public key")) << line;
}

TEST_F(KeyFilesTest, APastedLineNeedsNoName) {
  const auto key = parse_public_key(" karapace-ed25519 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= \r\n", "x");
  EXPECT_EQ(key.name, key.key.id().hex());
  EXPECT_EQ(parse_public_key("karapace-ed25519 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= ci", "x").name, "ci");
}

TEST_F(KeyFilesTest, NamesThatCouldLeadElsewhereAreRefused) {
  for (const std::string name : {"", ".", "..", "../x", "a/b", "-x", "a b", "\xc3\xbc", "a\n"})
    EXPECT_THAT(refusal([&] { make_key(keys_, name); }), HasSubstr("can not name a key")) << name;
  EXPECT_THAT(refusal([&] { make_key(keys_, std::string(65, 'a')); }), HasSubstr("can not name a key"));
}

TEST_F(KeyFilesTest, TheListTellsWhoCanSignAndGoesOnBehindWhatIsNoKey) {
  EXPECT_TRUE(find_keys(keys_).keys.empty());
  make_key(keys_, "ci");
  const auto other = make_key(keys_, "alice");
  std::filesystem::remove(other.secret_file);
  write_file_atomically(keys_ / "broken.pub", "hello\n", Durable::no);
  const auto found = find_keys(keys_);
  ASSERT_EQ(found.keys.size(), 2U);
  EXPECT_EQ(found.keys[0].key.name, "alice");
  EXPECT_FALSE(found.keys[0].has_secret);
  EXPECT_TRUE(found.keys[1].has_secret);
  ASSERT_EQ(found.problems.size(), 1U);
  EXPECT_THAT(found.problems[0], HasSubstr("broken.pub: this is no public key"));
}

}  // namespace
}  // namespace karapace::signing
