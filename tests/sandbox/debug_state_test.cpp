// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/debug_state.hpp"

#include "base/file_lock.hpp"
#include "session_fixture.hpp"
#include "store/identifiers.hpp"
#include "store/pins.hpp"

namespace karapace::sandbox::test {
namespace {

using SessionFiles = SandboxFixture;

TEST_F(SessionFiles, AFailedStepCanBeLookedAtAgain) {
  const auto store = store::Store::open(directory / "store", store::Store::Access::create);
  const auto key = StepKey(blake3("a step"));
  const auto staging = store.stage();
  fs::create_directories(staging.path() / "upper");
  fs::create_directories(staging.path() / "composed/etc");
  fs::create_directories(store.root() / "layers/one/tree");
  std::ofstream(staging.path() / "upper/written") << "x";
  SandboxPlan failed;
  failed.lowers = {store.root() / "layers/one/tree", staging.path() / "composed"};
  failed.upper = staging.path() / "upper";
  failed.commands = {{{"true"}, {}, "/", {}}, {{"dpkg", "--configure", "-a"}, {{"A", "b c"}}, "/x", "configure"}};
  keep_debug_state(store, key, failed, {.command = 1, .status = 2, .not_started = {}}, staging.path());
  EXPECT_EQ(read_file(store.failed_path() / key.hex() / "plan.json"),
            "{\n \"failed\": {\n  \"argv\": [\n   \"dpkg\",\n   \"--configure\",\n   \"-a\"\n  ],\n"
            "  \"title\": \"configure\",\n  \"variables\": {\n   \"A\": \"b c\"\n  },\n"
            "  \"working_directory\": \"/x\"\n },\n \"format\": 1,\n \"hostname\": \"" +
                failed.hostname + "\",\n \"lowers\": [\n  \"layers/one/tree\",\n  \"failed/" + key.hex() +
                "/lower-1\",\n  \"failed/" + key.hex() + "/upper\"\n ]\n}\n");
  const auto state = find_debug_state(store, key.hex().substr(0, 8));
  EXPECT_EQ(state.failed.argv, failed.commands[1].argv);
  EXPECT_EQ(state.failed.variables, failed.commands[1].variables);
  ASSERT_EQ(state.lowers.size(), 3u);
  EXPECT_EQ(state.lowers[0], failed.lowers[0]);
  EXPECT_TRUE(fs::exists(state.lowers[1] / "etc"));
  EXPECT_TRUE(fs::exists(state.lowers[2] / "written"));
  const std::string layer = blake3("layer").hex();
  auto used = state;
  used.lowers[0] = store.root() / "layers" / layer / "tree";
  EXPECT_EQ(message_of([&] { use_debug_state(store, used, staging); }),
            "debug: gc has removed what step " + key.short_hex() + " left; run ninja again to fail anew");
  fs::create_directories(used.lowers[0]);
  {
    const auto in_use = use_debug_state(store, used, staging);
    EXPECT_TRUE(store::read_pins(store.staging_path()).layers.contains(*LayerId::from_hex(layer)));
    EXPECT_FALSE(FileLock::try_acquire_existing(state.lowers[2].parent_path() / "plan.json", LOCK_EX));
  }
  drop_debug_state(store, key, staging.path());
  EXPECT_EQ(message_of([&] { find_debug_state(store, "abcd"); }),
            "debug: no failed step's key begins with \"abcd\"; no step has failed");
}

}  // namespace
}  // namespace karapace::sandbox::test
