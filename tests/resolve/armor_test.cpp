// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "generator/resolve/deb/signature.hpp"
#include "tests/resolve/process.hpp"
#include "tests/resolve/signed_archive.hpp"

namespace karapace::testing {
namespace {

using resolve::deb::binary_keyring;

struct Exported {
  TemporaryDirectory directory;
  Keys keys{directory.path() / "gnupg"};
  std::string binary;
  std::string armored;
  explicit Exported(const std::string& name = "one") {
    keys.make(name);
    keys.export_binary({name}, directory.path() / "binary");
    keys.export_armored(name, directory.path() / "armored");
    binary = read_file(directory.path() / "binary");
    armored = read_file(directory.path() / "armored");
  }
};

std::string refusal(const std::string& text) {
  try {
    binary_keyring(text, "the key");
  } catch (const LockError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Armor, IsUndoneToTheBytesThatGpgExports) {
  const Exported exported;
  EXPECT_EQ(binary_keyring(exported.armored, "the key"), exported.binary);
}

TEST(Armor, LeavesABinaryKeyringAlone) {
  const Exported exported;
  EXPECT_EQ(binary_keyring(exported.binary, "the key"), exported.binary);
}

TEST(Armor, JoinsSeveralBlocksWithTextAroundThem) {
  const Exported exported;
  const std::string text = "notes\n" + exported.armored + "\nmore notes\n" + exported.armored;
  EXPECT_EQ(binary_keyring(text, "the key"), exported.binary + exported.binary);
}

TEST(Armor, ReadsHeadersAndForeignLineEnds) {
  const Exported exported;
  std::string text = exported.armored;
  text.replace(text.find('\n'), 1, "\r\nComment: a comment\r\n");
  EXPECT_EQ(binary_keyring(text, "the key"), exported.binary);
}

TEST(Armor, RefusesWhatIsCutOff) {
  const Exported exported;
  EXPECT_EQ(refusal(exported.armored.substr(0, exported.armored.size() / 2)),
            "lock: the key: the armored key is truncated; export it again with gpg --export");
}

TEST(Armor, RefusesForeignCharacters) {
  const Exported exported;
  std::string text = exported.armored;
  text[text.size() / 2] = '*';
  EXPECT_EQ(refusal(text),
            "lock: the key: the armored key holds something else than base64; export it again with gpg --export");
}

TEST(Armor, RefusesWhatIsNoKey) {
  EXPECT_EQ(refusal("hello\n"), "lock: the key: this is no OpenPGP public key; export it again with gpg --export");
  EXPECT_EQ(refusal(""), "lock: the key: this is no OpenPGP public key; export it again with gpg --export");
}

TEST(Armor, RefusesAPrivateKey) {
  EXPECT_EQ(refusal("-----BEGIN PGP PRIVATE KEY BLOCK-----\n"),
            "lock: the key: this is a private key; give the public one (gpg --export)");
}

}  // namespace
}  // namespace karapace::testing
