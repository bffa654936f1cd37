// SPDX-License-Identifier: Apache-2.0
// What the store's records are on disk, byte by byte: older releases wrote these, and two machines compare them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/directory.hpp"
#include "base/file.hpp"
#include "base/json/seal.hpp"
#include "store/environment.hpp"
#include "store/graph_files.hpp"
#include "store/instance.hpp"
#include "store/reference.hpp"
#include "store/root.hpp"
#include "store/step.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::store {
namespace {

constexpr const char* manifest = "/projects/\xff \\ \"name\"/karapace.toml";
constexpr const char* manifest_text = R"(/projects/\\xff \\x5c \"name\"/karapace.toml)";

std::string hex(std::string_view word) { return blake3(word).hex(); }

Root root_with(std::vector<GraphPlace> graphs) {
  return {"odd \n", manifest, EnvironmentId(blake3("e")), -1, 5, {StepKey(blake3("s")), StepKey(blake3("t"))}, graphs};
}

struct RecordBytes : StoreTest {
  std::string root_text(const Root& root) {
    add_root(store_, root);
    return read_file(store_.roots_path() / hex(manifest));
  }
};

TEST_F(RecordBytes, OfAnEnvironment) {
  RuntimeConfiguration runtime{{{"PATH", "/bin"}, {"A", "\"ü\" \\ \x01\t\x7f"}},
                               {{"home", "~/x", "/x", MountAccess::read_only}, {"work", ".", "/w"}},
                               true,
                               ProjectAccess::read_only};
  Environment environment{EnvironmentId(blake3("e")),
                          StepKey(blake3("s")),
                          {LayerId(blake3("l")), LayerId(blake3("m"))},
                          BlobId(blake3("b")),
                          runtime};
  EXPECT_EQ(
      environment.text(),
      sealed(fmt::format("{{\n \"format\": 1,\n \"id\": \"{}\",\n \"layers\": [\n  \"{}\",\n  \"{}\"\n ],\n"
                         " \"lock\": \"{}\",\n \"runtime\": {{\n  \"mounts\": [\n"
                         "   {{\n    \"access\": \"read-only\",\n    \"host\": \"~/x\",\n    \"label\": \"home\",\n"
                         "    \"target\": \"/x\"\n   }},\n"
                         "   {{\n    \"host\": \".\",\n    \"label\": \"work\",\n    \"target\": \"/w\"\n   }}\n"
                         "  ],\n  \"network_isolation\": true,\n  \"project\": \"read-only\",\n"
                         "  \"variables\": {{\n   \"A\": \"\\\"ü\\\" \\\\ \\u0001\\t\x7f\",\n"
                         "   \"PATH\": \"/bin\"\n  }}\n }},\n \"step\": \"{}\"\n}}\n",
                         hex("e"), hex("l"), hex("m"), hex("b"), hex("s"))));
  environment.layers.clear();
  environment.runtime = {};
  EXPECT_EQ(environment.text(),
            sealed(fmt::format("{{\n \"format\": 1,\n \"id\": \"{}\",\n \"layers\": [],\n \"lock\": \"{}\",\n"
                               " \"runtime\": {{\n  \"mounts\": [],\n  \"network_isolation\": false,\n"
                               "  \"variables\": {{}}\n }},\n \"step\": \"{}\"\n}}\n",
                               hex("e"), hex("b"), hex("s"))));
}

TEST_F(RecordBytes, OfAFetchedBlobAndAnEnvironmentsStep) {
  auto step = Step::normalised(StepKind::fetch, {{"size", "4"}, {"name", "a \"b\"\n"}}, {});
  auto head = std::string("{\n \"format\": 1,\n \"inputs\": [],\n \"kind\": \"fetch\",\n \"output\": {\n");
  auto tail = std::string("\n },\n \"parameters\": {\n  \"name\": \"a \\\"b\\\"\\n\",\n  \"size\": \"4\"\n }\n}\n");
  EXPECT_EQ(
      (StepRecord{step, BlobOutput{BlobId(blake3("b")), Sha256(blake3("s")), 1ull << 40}}.text()),
      sealed(head +
             fmt::format("  \"blob\": \"{}\",\n  \"sha256\": \"{}\",\n  \"size\": 1099511627776", hex("b"), hex("s")) +
             tail));
  EXPECT_EQ((StepRecord{step, EnvironmentOutput{EnvironmentId(blake3("e"))}}.text()),
            sealed(head + fmt::format("  \"environment\": \"{}\"", hex("e")) + tail));
}

TEST_F(RecordBytes, OfARoot) {
  auto place = temporary_.path().native();
  auto text = [](std::string_view graphs) {
    return sealed(
        fmt::format("{{\n \"environment\": \"{}\",\n \"format\": 2,\n{} \"lock_mtime_ns\": 5,\n"
                    " \"manifest\": \"{}\",\n \"manifest_mtime_ns\": -1,\n \"name\": \"odd \\\\x0a\",\n"
                    " \"steps\": 2\n}}\n{}\n{}\n",
                    hex("e"), graphs, manifest_text, hex("s"), hex("t")));
  };
  EXPECT_EQ(root_text(root_with({})), text(""));
  EXPECT_EQ(root_text(root_with({{place, {place + "/a", place + "/\xfe"}, "name"}, {place + "/b", {}}})),
            text(fmt::format(" \"graphs\": [\n  {{\n   \"directory\": \"{0}\",\n   \"name\": \"name\",\n"
                             "   \"sources\": [\n    \"{0}/a\",\n    \"{0}/\\\\xfe\"\n   ]\n  }},\n"
                             "  {{\n   \"directory\": \"{0}/b\",\n   \"sources\": []\n  }}\n ],\n",
                             place)));
}

TEST_F(RecordBytes, OfAnInstance) {
  auto text = [](const Instance& instance, std::string_view written) {
    return sealed(
        fmt::format("{{\n \"archived\": false,\n \"created\": {},\n \"format\": 2,\n \"frozen\": false,\n "
                    "\"manifest\": {},\n \"name\": \"\"\n}}\n",
                    instance.created, written));
  };
  const auto alone = open_instance(store_, {EnvironmentId(blake3("e")), std::nullopt});
  EXPECT_EQ(read_file(alone.directory / "instance.json"), text(alone, "null"));
  EXPECT_EQ(read_file(alone.directory / "instance.json.copy"), text(alone, "null"));
  EXPECT_EQ(read_file(alone.current.directory / "generation.json"),
            sealed(fmt::format("{{\n \"environment\": \"{}\",\n \"format\": 1,\n \"number\": 1\n}}\n", hex("e"))));
  const auto of_project = open_instance(store_, {EnvironmentId(blake3("e")), root_with({})});
  EXPECT_EQ(read_file(of_project.directory / "instance.json"), text(of_project, fmt::format("\"{}\"", manifest_text)));
}

TEST_F(RecordBytes, OfTheListOfAGraphsFiles) {
  GraphFiles files(store_, temporary_.path(), "build.ninja");
  files.add("b", "x");
  files.add("a", "y");
  files.finish();
  EXPECT_EQ(read_file(files.path() / "graph"),
            sealed(fmt::format("{{\n \"directory\": \"{}\",\n \"files\": [\n  \"a\",\n  \"b\"\n ]\n}}\n",
                               std::filesystem::canonical(temporary_.path()).native())));
}

}  // namespace
}  // namespace karapace::store
