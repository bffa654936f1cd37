// SPDX-License-Identifier: Apache-2.0
#include "proof/statement.hpp"

#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "tests/generator/sample_lock.hpp"
#include "tests/proof/made_records.hpp"

namespace karapace::proof {
namespace {

using karapace::testing::made_records;
using karapace::testing::sample_lock;
using ::testing::HasSubstr;

const Sha256 some_image{blake3("an image")};

std::string refusal(const std::string& text) {
  try {
    parse_statement(text, "x");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Statement, TellsOfLockRecordsAndImageAndComesBack) {
  const auto lock = sample_lock({"git"});
  const auto records = made_records(lock);
  for (const auto& image : {std::optional<Sha256>(), std::optional(some_image)}) {
    const auto subject = subject_of(lock, records, image);
    EXPECT_EQ(subject.environment, lock::environment_id(lock));
    EXPECT_EQ(parse_statement(statement_text(lock, records, image), "x"), subject);
  }
}

TEST(Statement, IsInTotosAndSlsas) {
  const auto lock = karapace::testing::sample_lock_with_everything();
  const auto json = nlohmann::json::parse(statement_text(lock, made_records(lock), some_image));
  EXPECT_EQ(json["_type"], "https://in-toto.io/Statement/v1");
  EXPECT_EQ(json["predicateType"], "https://slsa.dev/provenance/v1");
  ASSERT_EQ(json["subject"].size(), 3U);
  EXPECT_EQ(json["subject"][2], (nlohmann::json{{"name", "image"}, {"digest", {{"sha256", some_image.hex()}}}}));
  const auto& predicate = json["predicate"];
  EXPECT_EQ(predicate["runDetails"], (nlohmann::json{{"builder", {{"id", "urn:karapace:builder:v1"}}}}));
  const auto& build = predicate["buildDefinition"];
  EXPECT_EQ(build["buildType"], "urn:karapace:environment:v1");
  EXPECT_EQ(build["internalParameters"]["steps"], made_records(lock).size());
  const auto& repository = std::get<lock::DebRepository>(lock.repositories.at(0));
  EXPECT_EQ(build["resolvedDependencies"][0]["digest"], json["subject"][0]["digest"]);
  EXPECT_EQ(build["resolvedDependencies"][1],
            (nlohmann::json{{"name", repository.name() + " " + repository.indexes.at(0).path},
                            {"digest", {{"sha256", repository.indexes.at(0).sha256.hex()}}},
                            {"annotations", {{"date", repository.date}, {"signers", repository.signers}}}}));
}

// What was signed once must be written again by every machine and release: change this only with the build type.
TEST(Statement, HasTheBytesThatItAlwaysHad) {
  const auto lock = karapace::testing::sample_archive_lock({});
  const auto text = statement_text(lock, made_records(lock));
  EXPECT_EQ(text, statement_text(lock, made_records(lock)));
  const auto subject = subject_of(lock, made_records(lock));
  EXPECT_EQ(text.substr(0, text.find("\"predicate\"")),
            "{\"_type\":\"https://in-toto.io/Statement/"
            "v1\",\"subject\":[{\"name\":\"environment\",\"digest\":{\"blake3\":\"" +
                subject.environment.hex() + "\",\"sha256\":\"" + subject.lock.hex() + "\"}},{\"name\":\"records/" +
                subject.step.hex() + "\",\"digest\":{\"sha256\":\"" + subject.records.hex() +
                "\"}}],\"predicateType\":\"https://slsa.dev/provenance/v1\",");
}

TEST(Statement, OfRecordsThatMadeSomethingElseThereIsNone) {
  const auto lock = sample_lock({"git"});
  EXPECT_THROW(subject_of(lock, made_records(sample_lock({"curl"}))), Error);
}

TEST(Statement, ChangesWithAnyRecord) {
  const auto lock = sample_lock({"git"});
  const auto records = made_records(lock);
  const auto subject = subject_of(lock, records);
  for (const auto& [key, record] : records) {
    auto others = records;
    if (key == subject.step) continue;
    if (record.step.kind == StepKind::fetch)
      others.at(key).output = BlobOutput{BlobId(blake3("x")), Sha256(blake3("x")), 1};
    else
      others.at(key).output = LayerOutput{LayerId(blake3("x"))};
    EXPECT_NE(subject_of(lock, others).records, subject.records);
  }
}

TEST(Statement, WhatIsNoneIsRefused) {
  const auto lock = sample_lock({"git"});
  const auto good = statement_text(lock, made_records(lock), some_image);
  const auto without = [&](std::string_view part, std::string_view by) {
    auto text = good;
    const auto at = text.find(part);
    EXPECT_NE(at, text.npos) << part;
    return refusal(text.replace(at, part.size(), by));
  };
  EXPECT_EQ(refusal(good), "accepted");
  EXPECT_THAT(without("Statement/v1", "Statement/v9"), HasSubstr("not \"https://in-toto.io/Statement/v1\""));
  EXPECT_THAT(without("provenance/v1", "provenance/v2"), HasSubstr("not \"https://slsa.dev/provenance/v1\""));
  EXPECT_THAT(without("\"environment\"", "\"image\""), HasSubstr("there are two images"));
  EXPECT_THAT(without("\"image\"", "\"environment\""), HasSubstr("\"environment\" appears twice"));
  EXPECT_THAT(without("\"image\"", "\"house\""), HasSubstr("it is about \"house\""));
  EXPECT_THAT(without("\"blake3\"", "\"blake2\""), HasSubstr("\"environment\" has no digest blake3"));
  EXPECT_THAT(without("\"records/", "\"records/x"), HasSubstr("the records are of no step"));
  EXPECT_THAT(refusal(R"({"_type":"https://in-toto.io/Statement/v1","subject":[],)"
                      R"("predicateType":"https://slsa.dev/provenance/v1","predicate":{}})"),
              HasSubstr("it is not about an environment and its records"));
}

TEST(Statement, JudgedAreThoseAboutTheSameStepOnly) {
  const auto lock = sample_lock({"git"});
  const auto records = made_records(lock);
  auto poisoned = records;
  for (auto& [key, record] : poisoned)
    if (record.step.kind == StepKind::install) record.output = LayerOutput{LayerId(blake3("poison"))};
  const auto other = sample_lock({"curl"});

  std::deque<signing::SecretKey> secrets;
  signing::Trust trust{{}, 2};
  for (const auto* name : {"alice", "bob", "carol"}) {
    secrets.push_back(signing::SecretKey::generate());
    trust.keys.push_back({name, secrets.back().public_key()});
  }
  const auto judgement = signing::judge(trust,
                                        {signed_envelope(statement_text(lock, poisoned), secrets[0]),
                                         signed_envelope(statement_text(other, made_records(other)), secrets[1]),
                                         signed_envelope(statement_text(lock, records), secrets[1]),
                                         signed_envelope(statement_text(lock, records, some_image), secrets[2])},
                                        claims_about(subject_of(lock, records).step));
  ASSERT_NE(judgement.agreed(), nullptr);
  EXPECT_EQ(judgement.agreed()->text, subject_of(lock, records).records.hex());
  ASSERT_EQ(judgement.dissenters().size(), 1U);
  EXPECT_EQ(judgement.dissenters()[0].name, "alice");
}

}  // namespace
}  // namespace karapace::proof
