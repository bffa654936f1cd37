// SPDX-License-Identifier: Apache-2.0
#include "proof/signing/ed25519.hpp"

#include <string>

#include <gtest/gtest.h>

namespace karapace::signing {
namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

struct Vector {
  const char* name;
  const char* secret;
  const char* public_key;
  const char* message;
  const char* signature;
};

// RFC 8032, section 7.1.
constexpr Vector vectors[] = {
    {"TEST 1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe246"
     "551"
     "41438e7a100b"},
    {"TEST 2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb"
     "00d"
     "291612bb0c00"},
    {"TEST 3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc"
     "027"
     "beceea1ec40a"},
    {"TEST SHA(abc)", "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2"
     "a9a"
     "c94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad"
     "9be"
     "f1177331a704"},
};

TEST(Signature, IsThatOfTheStandard) {
  for (const auto& vector : vectors) {
    const auto key = SecretKey::from_bytes(from_hex(vector.secret));
    ASSERT_TRUE(key) << vector.name;
    EXPECT_EQ(std::string(key->public_key().view()), from_hex(vector.public_key)) << vector.name;
    const auto message = from_hex(vector.message);
    const auto signature = key->sign(message);
    EXPECT_EQ(std::string(signature.view()), from_hex(vector.signature)) << vector.name;
    EXPECT_TRUE(is_signed_by(key->public_key(), message, signature)) << vector.name;
    EXPECT_FALSE(is_signed_by(key->public_key(), message + "x", signature)) << vector.name;
  }
}

TEST(Signature, OfWhichAnyBitIsAnotherIsNone) {
  const auto key = SecretKey::generate();
  const auto signature = key.sign("what was built");
  for (std::size_t bit = 0; bit < Signature::size * 8; ++bit) {
    auto other = signature;
    other.bytes[bit / 8] = static_cast<std::uint8_t>(other.bytes[bit / 8] ^ 1U << bit % 8);
    EXPECT_FALSE(is_signed_by(key.public_key(), "what was built", other)) << bit;
  }
}

// RFC 8032, 5.1.7: S is below the group's order, or one signature could be written in two ways.
TEST(Signature, WithANumberAboveTheOrderIsNone) {
  const auto order = from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  const auto key = SecretKey::generate();
  auto signature = key.sign("x");
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    const unsigned sum = signature.bytes[32 + i] + static_cast<std::uint8_t>(order[i]) + carry;
    signature.bytes[32 + i] = static_cast<std::uint8_t>(sum & 0xff);
    carry = sum >> 8;
  }
  EXPECT_FALSE(is_signed_by(key.public_key(), "x", signature));
}

TEST(Signature, IsNoOtherKeys) {
  const auto one = SecretKey::generate();
  const auto other = SecretKey::generate();
  EXPECT_NE(one.public_key(), other.public_key());
  EXPECT_FALSE(is_signed_by(other.public_key(), "x", one.sign("x")));
}

TEST(Signature, KeysAreOfOneSizeOnly) {
  EXPECT_FALSE(SecretKey::from_bytes(std::string(31, 'x')));
  EXPECT_FALSE(PublicKey::from_bytes(std::string(33, 'x')));
  EXPECT_FALSE(Signature::from_bytes(std::string(63, 'x')));
}

TEST(Signature, IdsAreSixteenDigits) {
  const auto key = PublicKey::from_bytes(from_hex(vectors[0].public_key));
  const auto id = key->id();
  EXPECT_EQ(id.hex().size(), 16U);
  EXPECT_EQ(KeyId::from_hex(id.hex()), id);
  for (std::string_view wrong : {"", "0123456789abcde", "0123456789abcdeF", "0123456789abcdef0"})
    EXPECT_FALSE(KeyId::from_hex(wrong)) << wrong;
}

}  // namespace
}  // namespace karapace::signing
