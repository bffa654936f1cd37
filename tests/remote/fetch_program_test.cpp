// SPDX-License-Identifier: Apache-2.0
// karapace-fetch as ninja runs it: a process, its arguments, its exit status and what it prints.
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "remote/sha256.hpp"
#include "store/store.hpp"
#include "tests/remote/faulty_server.hpp"

namespace karapace::remote {
namespace {

using testing::HasSubstr;

class FetchProgram : public testing::Test {
 protected:
  FetchProgram() {
    std::string pattern = testing::TempDir() + "karapace-fetch-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    std::filesystem::create_directory(directory_ / "server");
    server_.emplace(directory_ / "server", payload_);
  }
  ~FetchProgram() override {
    server_.reset();
    remove_tree(directory_);
  }

  struct Result {
    int status = -1;
    std::string errors;
    long peak_kib = 0;
  };

  Result run(std::vector<std::string> words) const {
    words.insert(words.begin(), KARAPACE_FETCH);
    auto errors = directory_ / "errors";
    auto child = ::fork();
    if (child == 0) {
      int fd = ::open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(fd, 2);
      std::vector<char*> argv;
      for (auto& word : words) argv.push_back(word.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    int status = 0;
    struct rusage usage{};
    ::wait4(child, &status, 0, &usage);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128, read_file(errors), usage.ru_maxrss};
  }

  static Step step_for(const Sha256& sha256, std::uint64_t size) {
    return Step::normalised(StepKind::fetch, {{"sha256", sha256.hex()}, {"size", std::to_string(size)}}, {});
  }

  std::vector<std::string> words_for(const Step& step) const {
    return {"fetch",
            (directory_ / "store" / "steps" / step.key().hex()).string(),
            "--hint",
            "archive=debian",
            "--hint",
            "path=pool/main/g/g it/git_2.39.5-0+deb12u2_amd64.deb",
            "--hint",
            "mirrors=" + (directory_ / "mirrors.json").string(),
            "sha256=" + std::string(step.required("sha256")),
            "size=" + std::string(step.required("size")),
            "--"};
  }

  void write_mirrors(const std::string& text) const { std::ofstream(directory_ / "mirrors.json") << text; }

  std::string payload_ = "the bytes of a package";
  Sha256 sha256_ = Sha256Hasher().update(payload_).finish();
  std::filesystem::path directory_;
  std::optional<FaultyServer> server_;
};

TEST_F(FetchProgram, WritesTheRecordOfWhatItFetched) {
  write_mirrors(fmt::format(R"({{"archives": {{"debian": ["{}"]}}}})", server_->url("")));
  auto step = step_for(sha256_, payload_.size());
  auto result = run(words_for(step));
  EXPECT_EQ(result.status, 0) << result.errors;
  auto store = store::Store::open(directory_ / "store", store::Store::Access::read_only);
  auto record = store.record(step.key());
  ASSERT_TRUE(record);
  EXPECT_EQ(record->blob().sha256, sha256_);
  EXPECT_EQ(read_file(store.blob_path(record->blob().blob)), payload_);
}

TEST_F(FetchProgram, IsAHitTheSecondTime) {
  write_mirrors(fmt::format(R"({{"archives": {{"debian": ["{}"]}}}})", server_->url("")));
  auto step = step_for(sha256_, payload_.size());
  EXPECT_EQ(run(words_for(step)).status, 0);
  EXPECT_EQ(run(words_for(step)).status, 0);
  EXPECT_EQ(server_->requests().size(), 1U);
}

TEST_F(FetchProgram, NamesThePackageAndTheMirrorInItsError) {
  write_mirrors(fmt::format(R"({{"archives": {{"debian": ["{}"]}}}})", server_->url("nowhere")));
  auto result = run(words_for(step_for(sha256_, payload_.size())));
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.errors,
              testing::StartsWith("karapace-fetch: error: fetch git 2.39.5-0+deb12u2: http://127.0.0.1:"));
  EXPECT_THAT(result.errors, HasSubstr("HTTP 404; the mirrors no longer have it"));
}

TEST_F(FetchProgram, TakesNoLimitForASize) {
  auto result = run({"--download", "http://127.0.0.1:1/base.tar", (directory_ / "base.tar").string()});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.errors, HasSubstr("after 0 bytes"));
  EXPECT_THAT(result.errors, testing::Not(HasSubstr("68719476736")));
}

TEST_F(FetchProgram, DownloadsAsItsSourcesSay) {
  const auto file = (directory_ / "base.tar").string();
  const auto sources = (directory_ / "mirrors.json").string();
  write_mirrors(fmt::format(R"({{"acquisition": {{"http_proxy": "{}", "retries": 0}}}})", server_->url("")));
  EXPECT_EQ(run({"--download", "http://archive.invalid/ok", file, sources}).status, 0);
  EXPECT_EQ(read_file(file), payload_);
  EXPECT_THAT(server_->requests(), testing::ElementsAre(testing::StartsWith("http://archive.invalid/ok ")));
  write_mirrors(R"({"acquisition": {"http_proxy": "http://127.0.0.1:1", "no_proxy": ["127.0.0.1"], "retries": 0}})");
  EXPECT_EQ(run({"--download", server_->url("ok"), file, sources}).status, 0);
}

TEST_F(FetchProgram, RefusesACommandWhoseKeyDoesNotFit) {
  write_mirrors("{}");
  auto words = words_for(step_for(sha256_, payload_.size()));
  words[9] = "size=1";
  auto result = run(words);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.errors, HasSubstr("run karapace gen again"));
}

TEST_F(FetchProgram, RefusesAFileOfMirrorsThatIsNotOne) {
  for (std::string text :
       {"", "[]", R"({"archive": {}})", R"({"acquisition": {"retries": "x"}})", R"({"files": {"x": 1}})"}) {
    write_mirrors(text);
    auto result = run(words_for(step_for(sha256_, payload_.size())));
    EXPECT_EQ(result.status, 1) << text;
    EXPECT_THAT(result.errors, HasSubstr("is not a list of mirrors")) << text;
  }
}

TEST_F(FetchProgram, SaysThatNoMirrorIsKnown) {
  write_mirrors("{}");
  auto result = run(words_for(step_for(sha256_, payload_.size())));
  EXPECT_THAT(result.errors, HasSubstr("no mirror is known for it"));
}

TEST_F(FetchProgram, NeedsNoMoreMemoryForMoreBytes) {
  constexpr std::uint64_t size = std::uint64_t{256} << 20;
  Sha256Hasher hasher;
  const std::string zeros(1 << 20, '\0');
  for (std::uint64_t i = 0; i < size / zeros.size(); ++i) hasher.update(zeros);
  auto sha256 = hasher.finish();
  write_mirrors(
      fmt::format(R"({{"files": {{"{}": ["{}"]}}}})", sha256.hex(), server_->url(fmt::format("zeros/{}", size))));
  auto result = run(words_for(step_for(sha256, size)));
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_LT(result.peak_kib, 64 * 1024);
}

}  // namespace
}  // namespace karapace::remote
