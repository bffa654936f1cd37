// SPDX-License-Identifier: Apache-2.0
#include "remote/download.hpp"

#include <chrono>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "remote/sha256.hpp"
#include "store/identifiers.hpp"
#include "tests/remote/faulty_server.hpp"

namespace karapace::remote {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string random_like(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint64_t state = 42;
  for (auto& byte : bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<char>(state >> 56);
  }
  return bytes;
}

class Download : public testing::Test {
 protected:
  Download() {
    std::string pattern = testing::TempDir() + "karapace-remote-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    std::filesystem::create_directory(directory_ / "server");
    server_.emplace(directory_ / "server", payload_);
    store_.emplace(store::Store::open(directory_ / "store", store::Store::Access::create));
  }
  ~Download() override {
    server_.reset();
    remove_tree(directory_);
  }

  DownloadRequest request(std::vector<std::string> locations) const {
    DownloadRequest request;
    request.title = "git 2.39.5";
    request.locations = std::move(locations);
    request.sha256 = Sha256Hasher().update(payload_).finish();
    request.size = payload_.size();
    request.options.retries = 2;
    request.options.timeout_seconds = 2;
    return request;
  }

  void expect_stored(const BlobOutput& output) const {
    EXPECT_EQ(output.size, payload_.size());
    EXPECT_EQ(output.blob, BlobId(blake3(payload_)));
    EXPECT_EQ(read_file(store_->blob_path(output.blob)), payload_);
    expect_no_remains();
  }

  void expect_no_remains() const { EXPECT_TRUE(std::filesystem::is_empty(store_->root() / "staging")); }

  std::string failure(const DownloadRequest& wanted) const {
    try {
      download(*store_, wanted);
    } catch (const RemoteError& error) {
      EXPECT_TRUE(std::filesystem::is_empty(store_->root() / "blobs"));
      expect_no_remains();
      return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return {};
  }

  std::string payload_ = random_like(300'000);
  std::filesystem::path directory_;
  std::optional<FaultyServer> server_;
  std::optional<store::Store> store_;
};

TEST_F(Download, StoresWhatHasTheRightDigest) {
  expect_stored(download(*store_, request({server_->url("ok")})));
  EXPECT_THAT(server_->requests(), ElementsAre(StartsWith("/ok - karapace/")));
}

TEST_F(Download, AsksTheNextMirrorWhenOneHasNothing) {
  expect_stored(download(*store_, request({server_->url("404"), server_->url("403"), server_->url("ok")})));
}

TEST_F(Download, TriesAgainWhenAServerIsBusy) {
  expect_stored(download(*store_, request({server_->url("500-twice")})));
  EXPECT_EQ(server_->requests().size(), 3U);
}

TEST_F(Download, GivesUpAfterItsRetries) {
  EXPECT_THAT(failure(request({server_->url("503")})), HasSubstr("/503: HTTP 503"));
  EXPECT_EQ(server_->requests().size(), 3U);
}

TEST_F(Download, ContinuesWhereTheConnectionWasCut) {
  auto halves = request({server_->url("halves"), server_->url("halves"), server_->url("halves"), server_->url("ok")});
  expect_stored(download(*store_, halves));
  EXPECT_THAT(server_->requests(), ElementsAre(StartsWith("/halves - "), StartsWith("/halves bytes=150000- "),
                                               StartsWith("/halves bytes=225000- "), StartsWith("/ok bytes=262500- ")));
}

TEST_F(Download, BeginsAnewWhereRangesAreIgnored) {
  expect_stored(download(*store_, request({server_->url("half-once")})));
  EXPECT_EQ(server_->requests().size(), 3U);  // whole, continued (refused), whole
}

TEST_F(Download, ContinuesAtAnotherMirrorWhenOneDisappearsHalfWay) {
  expect_stored(download(*store_, request({server_->url("vanish"), server_->url("ok")})));
  EXPECT_THAT(server_->requests().back(), StartsWith("/ok bytes=150000- "));
}

TEST_F(Download, BeginsAnewWhenTheFirstHalfWasWrong) {
  expect_stored(download(*store_, request({server_->url("wrong-half"), server_->url("ok")})));
}

TEST_F(Download, ReportsAMirrorThatDisappears) {
  EXPECT_THAT(failure(request({server_->url("vanish")})), HasSubstr(" after 150000 of 300000 bytes"));
}

TEST_F(Download, RefusesOtherBytesOfTheSameSize) {
  EXPECT_THAT(failure(request({server_->url("wrong")})),
              AllOf(StartsWith("fetch git 2.39.5: http://127.0.0.1:"), HasSubstr("/wrong: sent other bytes (sha256 ")));
  EXPECT_EQ(server_->requests().size(), 1U);
}

TEST_F(Download, RefusesAnAnswerThatEndsTooEarly) {
  EXPECT_THAT(failure(request({server_->url("short")})), HasSubstr("/short: ended after 150000 of 300000 bytes"));
}

TEST_F(Download, RefusesAnAnnouncementOfMoreAtOnce) {
  EXPECT_THAT(failure(request({server_->url("announces-more")})),
              HasSubstr("announces 300000000 bytes where 300000 are declared"));
}

TEST_F(Download, RefusesAnEndlessAnswerAtOnce) {
  EXPECT_THAT(failure(request({server_->url("endless")})), HasSubstr("sends more than the 300000 bytes"));
}

TEST_F(Download, CutsATransferThatStalls) {
  auto wanted = request({server_->url("stall")});
  wanted.options.retries = 0;
  auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(failure(wanted), HasSubstr("Timeout was reached after 10 of 300000 bytes"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST_F(Download, FollowsRedirectsToHttpOnly) { expect_stored(download(*store_, request({server_->url("redirect")}))); }

TEST_F(Download, RefusesARedirectToAFile) {
  EXPECT_THAT(failure(request({server_->url("redirect-to-file")})), HasSubstr("Unsupported protocol"));
}

TEST_F(Download, EndsARedirectLoop) {
  EXPECT_THAT(failure(request({server_->url("loop")})), HasSubstr("Number of redirects hit maximum amount"));
  EXPECT_LE(server_->requests().size(), 12U);
}

TEST_F(Download, SaysThatPackagesHaveLeftTheMirrors) {
  EXPECT_THAT(failure(request({server_->url("404"), server_->url("410")})),
              AllOf(HasSubstr("/404: HTTP 404; "), HasSubstr("/410: HTTP 410; the mirrors no longer have it")));
}

TEST_F(Download, SaysThatNobodyAnswers) {
  auto wanted = request({"http://127.0.0.1:1/x"});
  wanted.options.retries = 1;
  EXPECT_THAT(failure(wanted), HasSubstr("http://127.0.0.1:1/x: Couldn't connect to server"));
}

TEST_F(Download, KeepsPasswordsOutOfMessages) {
  auto wanted = request({"http://somebody:secret@127.0.0.1:1/x"});
  wanted.options.retries = 0;
  EXPECT_THAT(failure(wanted), AllOf(HasSubstr("http://127.0.0.1:1/x: "), testing::Not(HasSubstr("secret"))));
}

TEST_F(Download, KeepsPasswordsOutOfMessagesAboutPlainFiles) {
  const auto path = store_->root() / "plain";
  std::string message;
  try {
    download_plain("http://somebody:secret@127.0.0.1:1/x", path, {});
  } catch (const RemoteError& error) {
    message = error.what();
  }
  EXPECT_THAT(message, AllOf(HasSubstr("cannot download http://127.0.0.1:1/x: "), testing::Not(HasSubstr("secret"))));
}

TEST_F(Download, HidesAllOfAPasswordAndNothingOfAPath) {
  const auto host = server_->url("").substr(std::string("http://").size());
  EXPECT_THAT(failure(request({"http://me:se@cret@" + host + "404/a@b"})), HasSubstr("http://" + host + "404/a@b: "));
  EXPECT_THAT(failure(request({"http://" + host + "404?who=a@b"})), HasSubstr("http://" + host + "404?who=a@b: "));
}

TEST_F(Download, RefusesAnAddressThatIsTooLong) {
  EXPECT_THAT(failure(request({server_->url(std::string(70000, 'x'))})), HasSubstr(" bytes is too long"));
}

TEST_F(Download, ReadsLocalFilesAndFileUrls) {
  auto payload = directory_ / "server" / "payload";
  expect_stored(download(*store_, request({payload.string()})));
  std::filesystem::create_symlink(payload, directory_ / "a b");
  expect_stored(download(*store_, request({"file://" + (directory_ / "a%20b").string()})));
  EXPECT_TRUE(server_->requests().empty());
}

TEST_F(Download, RefusesLocalThingsThatAreNotTheFile) {
  ASSERT_EQ(::mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  std::ofstream(directory_ / "small") << "small";
  EXPECT_THAT(failure(request({(directory_ / "fifo").string()})), HasSubstr("fifo: is not a regular file"));
  EXPECT_THAT(failure(request({(directory_ / "small").string()})), HasSubstr("small: has 5 bytes, not 300000"));
  EXPECT_THAT(failure(request({(directory_ / "none").string()})), HasSubstr("none: cannot be opened: No such file"));
  EXPECT_THAT(failure(request({"ftp://mirror.invalid/x"})), HasSubstr("only http, https and file URLs"));
}

TEST_F(Download, TakesFilesOfAProjectOnlyFromInsideIt) {
  auto project = directory_ / "project";
  std::filesystem::create_directories(project / "inner");
  std::ofstream(project / "payload") << payload_;
  std::filesystem::create_symlink("../payload", project / "inner/up");
  std::filesystem::create_symlink(directory_ / "server" / "payload", project / "out");
  std::filesystem::create_directory_symlink("../server", project / "door");
  auto at = [&](const char* name) { return request({project.string() + "/./" + name}); };
  for (const char* name : {"out", "door/payload"}) {
    EXPECT_THAT(failure(at(name)),
                HasSubstr("project/" + std::string(name) + ": cannot be opened: a link leads out of its directory"));
  }
  expect_stored(download(*store_, at("inner/up")));
}

TEST_F(Download, UsesTheConfiguredProxy) {
  auto wanted = request({"http://mirror.invalid/ok"});
  wanted.options.http_proxy = server_->url("");
  wanted.options.retries = 0;
  expect_stored(download(*store_, wanted));
  EXPECT_THAT(server_->requests(), ElementsAre(StartsWith("http://mirror.invalid/ok ")));
}

TEST_F(Download, VerifiesABlake3DigestToo) {
  auto wanted = request({server_->url("ok")});
  wanted.sha256.reset();
  wanted.blake3 = BlobId(blake3("something else"));
  EXPECT_THAT(failure(wanted), HasSubstr("has other bytes (blake3 "));
  wanted.blake3 = BlobId(blake3(payload_));
  expect_stored(download(*store_, wanted));
}

}  // namespace
}  // namespace karapace::remote
