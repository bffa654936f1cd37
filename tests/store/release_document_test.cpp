// SPDX-License-Identifier: Apache-2.0
#include "store/release_document.hpp"

#include <stdexcept>
#include <utility>

#include <gmock/gmock.h>

#include "store_fixture.hpp"

namespace karapace::store {
namespace {

using ::testing::HasSubstr;

StepKey key_of(std::string_view word) { return StepKey(blake3(word)); }

ReleaseDocument sample() {
  return {.name = "solver",
          .main = "solver",
          .version = "1.4.2",
          .destination = "/opt/apps/solver",
          .entrypoints = {"solver", "solver-admin"},
          .environment = EnvironmentId(blake3("environment")),
          .lock = Sha256(blake3("lock")),
          .packages = {{.name = "solver",
                        .version = "1.4.2",
                        .entry = release_entry_name(key_of("solver"), "solver", "1.4.2"),
                        .layer = LayerId(blake3("solver"))},
                       {.name = "lib-grid",
                        .version = "2.0-rc.1",
                        .entry = release_entry_name(key_of("grid"), "lib-grid", "2.0-rc.1"),
                        .layer = LayerId(blake3("grid"))}}};
}

TEST(ReleaseDocument, IsReadAsItWasWritten) {
  const auto written = text(sample());
  EXPECT_EQ(parse_release_document(written, "release.json"), sample());
  EXPECT_THAT(written, HasSubstr("{\n \"format\": 1,\n \"name\": \"solver\",\n"));
}

TEST(ReleaseDocument, EntriesAreNamedByTheFirstDigitsOfTheKey) {
  EXPECT_EQ(release_entry_name(key_of("x"), "a-b", "1"), key_of("x").hex().substr(0, 32) + "-a-b-1");
}

TEST(ReleaseDocument, OnlyTheCanonicalTextIsRead) {
  const auto written = text(sample());
  for (const auto& other : {written + "\n", written.substr(1), std::string(), "{ " + written.substr(1)})
    EXPECT_THAT(error_of([&] { parse_release_document(other, "the text"); }), HasSubstr("the text is damaged"))
        << other;
}

TEST(ReleaseDocument, WhatCouldLeadElsewhereIsRefused) {
  const auto refused = [](auto change) {
    auto document = sample();
    change(document);
    EXPECT_THROW(text(document), std::invalid_argument);
  };
  refused([](auto& d) { d.destination = "opt"; });
  refused([](auto& d) { d.destination = "/opt/../etc"; });
  refused([](auto& d) { d.destination = "/opt/"; });
  refused([](auto& d) { d.entrypoints.emplace_back("../x"); });
  refused([](auto& d) { d.entrypoints.emplace_back("-v"); });
  refused([](auto& d) { d.version = "1/2"; });
  refused([](auto& d) { d.packages[1].entry = "../etc"; });
  refused([](auto& d) { d.packages[1].entry[0] = 'X'; });
  refused([](auto& d) { std::swap(d.packages[0], d.packages[1]); });
  refused([](auto& d) { d.packages.push_back(d.packages[1]); });
  refused([](auto& d) { d.packages.clear(); });
}

TEST(ReleaseDocument, WordsAreNoPathsOptionsOrHiddenFiles) {
  for (const auto* word : {"a", "1.0.0-rc.1+2", "lib_x~1", "_"}) EXPECT_TRUE(is_release_word(word)) << word;
  for (const auto* word : {"", ".", "..", ".a", "-a", "a/b", "a b", "a\n", "^", "ä"})
    EXPECT_FALSE(is_release_word(word)) << word;
}

}  // namespace
}  // namespace karapace::store
