// SPDX-License-Identifier: Apache-2.0
#include "proof/signing/trust.hpp"

#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace karapace::signing {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class TrustTest : public testing::Test {
 protected:
  TrustTest() {
    for (const auto* name : {"alice", "bob", "carol"}) {
      secrets_.push_back(SecretKey::generate());
      trust_.keys.push_back({name, secrets_.back().public_key()});
    }
    trust_.agree = 2;
  }

  Envelope says(std::size_t who, const std::string& what) const { return signed_envelope(what, secrets_[who]); }
  Judgement judged(const std::vector<Envelope>& envelopes) const {
    return judge(trust_, envelopes, [](std::string_view payload) -> std::optional<std::string> {
      if (payload == "something else") return std::nullopt;
      return std::string(payload.substr(0, payload.find('#')));
    });
  }
  static std::vector<std::string> names(const std::vector<NamedKey>& keys) {
    std::vector<std::string> words;
    for (const auto& key : keys) words.push_back(key.name);
    return words;
  }

  std::deque<SecretKey> secrets_;
  Trust trust_;
};

TEST_F(TrustTest, OneOfThreeThatSaysSomethingElseIsNamedAndNotUsed) {
  const auto judgement = judged({says(2, "poison"), says(0, "good"), says(1, "good")});
  ASSERT_NE(judgement.agreed(), nullptr);
  EXPECT_EQ(judgement.agreed()->text, "good");
  EXPECT_THAT(names(judgement.agreed()->keys), ElementsAre("alice", "bob"));
  EXPECT_THAT(judgement.agreed()->envelopes, ElementsAre(1, 2));
  EXPECT_THAT(names(judgement.dissenters()), ElementsAre("carol"));
  EXPECT_EQ(verdict(judgement), "signed by alice, bob; something else is said by carol");
}

TEST_F(TrustTest, TooFewThatAgreeAreNotBelieved) {
  const auto judgement = judged({says(0, "good"), says(2, "poison")});
  EXPECT_EQ(judgement.agreed(), nullptr);
  EXPECT_EQ(verdict(judgement), "1 key signed it (alice), and 2 have to agree; something else is said by carol");
}

TEST_F(TrustTest, AKeyCountsOnceHoweverOftenItSigned) {
  auto twice = says(0, "good");
  twice.signatures.push_back(twice.signatures[0]);
  EXPECT_EQ(judged({twice, says(0, "good"), says(0, "good#worded differently")}).agreed(), nullptr);
}

TEST_F(TrustTest, OneClaimInTwoWordingsIsAgreed) {
  EXPECT_NE(judged({says(0, "good#1"), says(1, "good#2")}).agreed(), nullptr);
}

TEST_F(TrustTest, SeveralSignaturesOfOneEnvelopeCountAll) {
  auto both = says(0, "good");
  add_signature(both, secrets_[2]);
  const auto judgement = judged({both});
  ASSERT_NE(judgement.agreed(), nullptr);
  EXPECT_THAT(names(judgement.agreed()->keys), ElementsAre("alice", "carol"));
}

TEST_F(TrustTest, StrangersAndOtherThingsAreNeverAsked) {
  const auto stranger = SecretKey::generate();
  auto other_type = says(0, "good");
  other_type = signed_envelope("good", secrets_[0], "application/json");
  const auto judgement =
      judged({signed_envelope("good", stranger), other_type, says(0, "something else"), says(1, "something else")});
  EXPECT_THAT(judgement.claims, IsEmpty());
  EXPECT_EQ(verdict(judgement), "no trusted key has signed it");
}

TEST_F(TrustTest, AnAlteredPayloadCountsForNobody) {
  auto altered = says(0, "good");
  altered.payload = "poison";
  EXPECT_THAT(judged({altered}).claims, IsEmpty());
}

TEST_F(TrustTest, AKeyThatSaysBothIsNamedToo) {
  const auto judgement = judged({says(2, "poison"), says(2, "good"), says(1, "good")});
  ASSERT_NE(judgement.agreed(), nullptr);
  EXPECT_EQ(judgement.agreed()->text, "good");
  EXPECT_THAT(names(judgement.dissenters()), ElementsAre("carol"));
}

TEST_F(TrustTest, WithOneKeyEnoughTheFirstGivenOfEqualsIsTaken) {
  trust_.agree = 1;
  EXPECT_EQ(judged({says(1, "b"), says(0, "a")}).agreed()->text, "b");
}

TEST_F(TrustTest, WhatCanNeverBeIsRefused) {
  const auto refusal = [](const Trust& trust) -> std::string {
    try {
      require_sound(trust);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal(trust_), "");
  trust_.agree = 4;
  EXPECT_EQ(refusal(trust_),
            "trust: 4 keys can never agree, for 3 are trusted; trust more keys, or write a smaller agree");
  trust_.agree = 0;
  EXPECT_EQ(refusal(trust_), "trust: at least one key has to agree; write agree = 1 or more");
  trust_.agree = 2;
  trust_.keys.push_back({"again", trust_.keys[0].key});
  EXPECT_THAT(refusal(trust_), testing::StartsWith("trust: \"alice\" and \"again\" are one key ("));
}

}  // namespace
}  // namespace karapace::signing
