// SPDX-License-Identifier: Apache-2.0
// `release page` of destinations that may be somebody else's.
#include <gmock/gmock.h>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "store/release_document.hpp"
#include "tests/cli/program_fixture.hpp"

namespace karapace::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class ReleasePage : public ProgramTest {
 protected:
  void SetUp() override {
    for (const auto* name : {"versions", "store", "bin", ".karapace/locks"}) fs::create_directories(place_ / name);
  }
  /// A build that the store knows, with its log; answers its key.
  StepKey build(const std::string& name, const std::string& log) const {
    store::fetch(store_, name);
    const auto output = store::unpack(store_, name).layer();
    const auto step = Step::normalised(StepKind::compile, {{"name", name}, {"version", "1"}}, {});
    store_.add_record({step, output});
    fs::create_directories(store_.root() / "logs");
    write_file_atomically(store_.root() / "logs" / step.key().hex(), log, Durable::no);
    return step.key();
  }
  void add_version(const std::string& name, const std::string& entry) const {
    const store::ReleaseDocument document{.name = "app",
                                          .main = "app",
                                          .version = "1",
                                          .destination = "/opt/app",
                                          .entrypoints = {"app"},
                                          .environment = EnvironmentId(blake3("e")),
                                          .lock = Sha256(blake3("l")),
                                          .packages = {{"app", "1", entry, LayerId(blake3("y"))}}};
    fs::create_directories(place_ / "versions" / name);
    fs::create_directories(place_ / "store" / entry);
    write_file_atomically(place_ / "versions" / name / store::release_document_file, store::text(document),
                          Durable::no);
  }
  Result page() const { return karapace("release page -d " + place_.native() + " -o " + page_.native()); }

  fs::path place_ = fs::canonical(temporary_.path()) / "apps/app";
  fs::path page_ = fs::canonical(temporary_.path()) / "page";
};

TEST_F(ReleasePage, HasLogsOfWhatVersionsNameAndOfNothingElse) {
  const auto app = store::release_entry_name(build("app", "how app was built"), "app", "1");
  add_version("1+1", app);
  // Keys of this store under names that these builds have not.
  const auto secret = build("secret", "how the secret was built");
  fs::create_directories(place_ / "store" / store::release_entry_name(secret, "x", "1"));
  fs::create_directories(place_ / "store" / store::release_entry_name(secret, "secret", "1"));
  add_version("2+1", store::release_entry_name(secret, "app", "1"));
  const auto result = page();
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(read_file(page_ / "index.html"), HasSubstr("href=\"logs/" + app + ".txt\""));
  EXPECT_EQ(read_file(page_ / "logs" / (app + ".txt")), "how app was built");
  EXPECT_EQ(std::distance(fs::directory_iterator(page_ / "logs"), fs::directory_iterator()), 1);
}

TEST_F(ReleasePage, WritesLogsThroughNoLink) {
  add_version("1+1", store::release_entry_name(build("app", "how app was built"), "app", "1"));
  fs::create_directories(page_);
  fs::create_directories(temporary_.path() / "elsewhere");
  fs::create_directory_symlink(temporary_.path() / "elsewhere", page_ / "logs");
  const auto result = page();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("/page/logs\" must be a directory and no link"));
  EXPECT_TRUE(fs::is_empty(temporary_.path() / "elsewhere"));
}

}  // namespace
}  // namespace karapace::cli
