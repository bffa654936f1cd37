// SPDX-License-Identifier: Apache-2.0
#include "proof/signing/envelope.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.hpp"
#include "base/error.hpp"

namespace karapace::signing {
namespace {

std::string refusal(std::string_view text) {
  try {
    parse_envelope(text, "x");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

// The test vector of DSSE's protocol.md; its signature is ECDSA's, which we do not check.
TEST(Envelope, IsThatOfTheSpecification) {
  EXPECT_EQ(signed_bytes("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  const auto envelope = parse_envelope(
      "{\"payload\": \"aGVsbG8gd29ybGQ=\",\n \"payloadType\": \"http://example.com/HelloWorld\",\n \"signatures\": "
      "[{\"sig\": "
      "\"A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==\"}]}",
      "x");
  EXPECT_EQ(envelope.payload, "hello world");
  EXPECT_EQ(envelope.payload_type, "http://example.com/HelloWorld");
  ASSERT_EQ(envelope.signatures.size(), 1U);
  EXPECT_EQ(envelope.signatures[0].key_id, "");
  EXPECT_EQ(base64(envelope.signatures[0].bytes),
            "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==");
}

TEST(Envelope, LengthsCountBytesAndNothingIsAmbiguous) {
  EXPECT_EQ(signed_bytes("§", ""), "DSSEv1 2 § 0 ");
  EXPECT_NE(signed_bytes("a 1 b", "c"), signed_bytes("a", "1 b 1 c"));
}

TEST(Envelope, GoesThereAndBackWithSeveralSignatures) {
  const auto one = SecretKey::generate();
  const auto two = SecretKey::generate();
  auto envelope = signed_envelope(std::string("any \0 bytes \xff", 12), one);
  add_signature(envelope, two);
  add_signature(envelope, one);
  ASSERT_EQ(envelope.signatures.size(), 2U);
  EXPECT_EQ(envelope.signatures[0].key_id, one.public_key().id().hex());
  const auto read = parse_envelope(text(envelope), "x");
  EXPECT_EQ(read, envelope);
  EXPECT_TRUE(is_signed_by(read, one.public_key()));
  EXPECT_TRUE(is_signed_by(read, two.public_key()));
  EXPECT_FALSE(is_signed_by(read, SecretKey::generate().public_key()));
}

TEST(Envelope, HintsDecideNothing) {
  const auto key = SecretKey::generate();
  const auto other = SecretKey::generate();
  auto envelope = signed_envelope("x", key);
  envelope.signatures[0].key_id = other.public_key().id().hex();
  EXPECT_TRUE(is_signed_by(envelope, key.public_key()));
  EXPECT_FALSE(is_signed_by(envelope, other.public_key()));
}

TEST(Envelope, OfWhichTheTypeOrThePayloadIsAnotherIsNotSigned) {
  const auto key = SecretKey::generate();
  auto envelope = signed_envelope("{}", key);
  envelope.payload_type = "application/json";
  EXPECT_FALSE(is_signed_by(envelope, key.public_key()));
  envelope = signed_envelope("{}", key);
  envelope.payload = "{} ";
  EXPECT_FALSE(is_signed_by(envelope, key.public_key()));
}

TEST(Envelope, FieldsOfLaterVersionsAreIgnoredAndBothAlphabetsRead) {
  const auto envelope = parse_envelope(
      R"({"payloadType":"t","new":{"a":[1]},"payload":"-_8=","signatures":[{"sig":"AA==","keyid":"k","cert":null}]})",
      "x");
  EXPECT_EQ(envelope.payload, "\xfb\xff");
  EXPECT_EQ(envelope.signatures[0].key_id, "k");
}

TEST(Envelope, WhatIsNoneIsRefused) {
  constexpr std::string_view end = "; this is no envelope of signatures";
  const auto complaint = [&](std::string_view text) {
    auto message = refusal(text);
    return message.ends_with(end) ? message.substr(0, message.size() - end.size()) : message;
  };
  EXPECT_EQ(complaint(""), "x:1:1: the file ends too early");
  EXPECT_EQ(complaint("[]"), "x:1:1: expected an object");
  EXPECT_EQ(complaint(R"({"payload":"","payloadType":"t"})"), "x:1:1: the envelope has no signature");
  EXPECT_EQ(complaint(R"({"payload":"","payloadType":"t","signatures":[]})"), "x:1:1: the envelope has no signature");
  EXPECT_EQ(complaint(R"({"payloadType":"t","signatures":[{"sig":""}]})"),
            "x:1:1: an envelope has payload and payloadType");
  EXPECT_EQ(complaint(R"({"payload":"","payload":"","payloadType":"t","signatures":[{"sig":""}]})"),
            "x:1:15: field \"payload\" appears twice");
  EXPECT_EQ(complaint(R"({"payload":"a","payloadType":"t","signatures":[{"sig":""}]})"), "x:1:12: this is no Base64");
  EXPECT_EQ(complaint(R"({"payload":"-/8=","payloadType":"t","signatures":[{"sig":""}]})"),
            "x:1:12: this is no Base64");
  EXPECT_EQ(complaint(R"({"payload":"AB==","payloadType":"t","signatures":[{"sig":""}]})"),
            "x:1:12: this is no Base64");
  EXPECT_EQ(complaint(R"({"payload":"","payloadType":1,"signatures":[{"sig":""}]})"), "x:1:29: expected a string");
  EXPECT_EQ(complaint(R"({"payload":"","payloadType":"t","signatures":[{"keyid":""}]})"),
            "x:1:47: a signature has the field \"sig\"");
  EXPECT_EQ(complaint(R"({"payload":"","payloadType":"t","signatures":[{"sig":""}]} x)"),
            "x:1:60: unexpected text after the end");
  EXPECT_THAT(refusal(std::string(largest_envelope + 1, ' ')), testing::HasSubstr("more than anybody signs"));
}

}  // namespace
}  // namespace karapace::signing
