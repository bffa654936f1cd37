// SPDX-License-Identifier: Apache-2.0
#include "store/step.hpp"

#include "base/json/seal.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace {
namespace {

Step example() { return Step::normalised(StepKind::unpack, {{"format", "deb"}}, {StepKey(blake3("input"))}); }

/// A field as docs/hash-contract.md has it; all fields here are shorter than 256 bytes.
std::string field(std::string_view bytes) {
  std::string encoded(1, static_cast<char>(bytes.size()));
  encoded.append(7, '\0');
  return encoded.append(bytes);
}

TEST(StepTest, TheKeyIsTheOneInTheHashContract) {
  auto encoded = field("karapace step 1") + field("unpack") + field("1") + field("format") + field("deb") + field("1") +
                 field(blake3("input").hex());
  EXPECT_EQ(example().key().hex(), blake3(encoded).hex());
  EXPECT_EQ(example().key().hex(), "d6a5dd55d96cde4fc6916f40557d948e783169cddcaab367d3e1c2501e90dc53");
}

TEST(StepTest, ParametersAreSortedByName) {
  auto one = Step::normalised(StepKind::fetch, {{"size", "1"}, {"sha256", "x"}}, {});
  auto other = Step::normalised(StepKind::fetch, {{"sha256", "x"}, {"size", "1"}}, {});
  EXPECT_EQ(one.key(), other.key());
  EXPECT_EQ(one.parameters.front().name, "sha256");
}

TEST(StepTest, EveryPartChangesTheKey) {
  auto key = example().key();
  EXPECT_NE(Step::normalised(StepKind::setup, {{"format", "deb"}}, example().inputs).key(), key);
  EXPECT_NE(Step::normalised(StepKind::unpack, {{"format", "tar"}}, example().inputs).key(), key);
  EXPECT_NE(Step::normalised(StepKind::unpack, {{"formatd", "eb"}}, example().inputs).key(), key);
  EXPECT_NE(Step::normalised(StepKind::unpack, {{"format", "deb"}}, {}).key(), key);
}

TEST(StepRecordTest, TheTextIsTheOneInTheHashContract) {
  StepRecord record{example(), LayerOutput{LayerId(blake3("layer"))}};
  auto rest = " \"format\": 1,\n \"inputs\": [\n  \"" + blake3("input").hex() +
              "\"\n ],\n \"kind\": \"unpack\",\n \"output\": {\n  \"layer\": \"" + blake3("layer").hex() +
              "\"\n },\n \"parameters\": {\n  \"format\": \"deb\"\n }\n}\n";
  EXPECT_EQ(record.text(), "{\n \"check\": \"" + blake3(rest).hex() + "\",\n" + rest);
  auto parsed = StepRecord::parse(record.text(), example().key(), "record");
  EXPECT_EQ(parsed.step, record.step);
  EXPECT_EQ(parsed.output, record.output);
}

TEST(StepRecordTest, EveryKindOfOutputComesBack) {
  for (StepOutput output :
       {StepOutput(BlobOutput{BlobId(blake3("b")), Sha256(blake3("s")), 1ull << 40}),
        StepOutput(LayerOutput{LayerId(blake3("l"))}), StepOutput(EnvironmentOutput{EnvironmentId(blake3("e"))})}) {
    StepRecord record{example(), output};
    EXPECT_EQ(StepRecord::parse(record.text(), example().key(), "record").output, output);
  }
}

TEST(StepRecordTest, APackedLayerTellsWhatItIsBeforeItIsCompressedAndNothingElseDoes) {
  const BlobOutput packed{BlobId(blake3("b")), Sha256(blake3("s")), 7, Sha256(blake3("d")), 1ull << 40};
  BlobOutput half = packed;
  half.diff_size.reset();
  const auto pack = Step::normalised(StepKind::pack, {{"compression", "zstd"}, {"rules", "1"}}, {StepKey(blake3("l"))});
  const auto text = StepRecord{pack, packed}.text();
  EXPECT_NE(text.find("  \"blob\": \"" + packed.blob.hex() + "\",\n  \"diff_id\": \"" + packed.diff_id->hex() +
                      "\",\n  \"diff_size\": 1099511627776,\n  \"sha256\": \"" + packed.sha256.hex() +
                      "\",\n  \"size\": 7\n"),
            std::string::npos);
  EXPECT_EQ(StepRecord::parse(text, pack.key(), "record").output, StepOutput(packed));
  auto refusal = [](const Step& step, const StepOutput& output) {
    return store::error_of([&] { StepRecord::parse(StepRecord{step, output}.text(), step.key(), "\"x\""); });
  };
  constexpr auto remedy = "); remove it and run ninja again";
  const std::string both = "\"x\" is not a step record (a pack step's output has \"diff_id\" and \"diff_size\"";
  EXPECT_EQ(refusal(pack, half), both + remedy);
  EXPECT_EQ(refusal(pack, BlobOutput{packed.blob, packed.sha256, 7}), both + remedy);
  EXPECT_EQ(refusal(pack, LayerOutput{LayerId(blake3("l"))}),
            std::string("\"x\" is not a step record (a pack step makes a blob") + remedy);
  EXPECT_EQ(
      refusal(example(), packed),
      std::string("\"x\" is not a step record (only a pack step's output has \"diff_id\" and \"diff_size\"") + remedy);
}

TEST(StepRecordTest, DamageAndStrangersAreRefusedWithTheRemedy) {
  StepRecord record{example(), LayerOutput{LayerId(blake3("layer"))}};
  auto text = record.text();
  auto refusal = [](std::string_view damaged, const StepKey& key) {
    return store::error_of([&] { StepRecord::parse(damaged, key, "\"x\""); });
  };
  constexpr auto remedy = "; remove it and run ninja again";
  auto expect = [&](std::string_view damaged, std::string_view reason) {
    EXPECT_EQ(refusal(damaged, example().key()), "\"x\" is not a step record (" + std::string(reason) + ")" + remedy);
  };
  expect("", "its check is missing");
  expect(text.substr(0, text.size() - 1), "its check differs");
  expect(sealed("{\n}\n"), "record:1:1: field \"format\" is missing");
  auto twice = std::string(unsealed(text));
  twice.insert(twice.find("  \"format\": \"deb\""), "  \"format\": \"deb\",\n");
  EXPECT_NE(refusal(sealed(twice), example().key()).find("\"format\" appears twice"), std::string::npos);
  EXPECT_EQ(refusal(text, StepKey(blake3("another"))),
            "\"x\" is not a step record (it describes another step); remove it and run ninja again");
  for (std::size_t i = 0; i < text.size(); i += 3) {
    auto flipped = text;
    flipped[i] = static_cast<char>(flipped[i] ^ 4);
    EXPECT_NE(refusal(flipped, example().key()), "");
  }
}

}  // namespace
}  // namespace karapace
