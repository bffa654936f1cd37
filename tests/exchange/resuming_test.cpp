// SPDX-License-Identifier: Apache-2.0
// Environments on their way that break off: the next try goes on in the middle of a layer.
#include <thread>

#include <sys/wait.h>

#include "exchange/taking.hpp"
#include "tests/exchange/exchange_fixture.hpp"
#include "tests/remote/oci/registry_fixture.hpp"

namespace karapace::exchange {
namespace {

using store::error_of;
using store::Store;

class ResumingTest : public ExchangeTest {
 protected:
  ResumingTest() {
    pack(store_, environment_);
    const OfferRequest request{store_.root(), environment_.id, place(), keys_ / "ann.key", "zstd"};
    SentBlobs known;
    offer_environment(store_, *open_place(3), request, known);
    believed_ =
        find_believed(*open_place(3), {environment_.id, environment_.step, {}}, trust({"ann"}), [](const auto&) {});
  }

  std::string place() const { return server_.host() + "/team/cache"; }
  std::unique_ptr<oci::ImageRepository> open_place(unsigned retries) const {
    oci::RegistryOptions options;
    options.pauses = {.retries = retries, .first = std::chrono::milliseconds(10)};
    return oci::open_repository(oci::ImageLocation::parse(place()), oci::Access::write, options);
  }
  const oci::Descriptor& layer() const { return believed_->artifact.layers.at(0).blob; }

  /// Half of it comes, and then nothing more: `rest` is JSON, what later requests are answered.
  void break_in_the_middle(const std::string& rest) {
    server_.fault(
        fmt::format(R"({{"method": "GET", "path": "blobs/{}", "times": 1, "action": "cut"}})", layer().digest.text()));
    server_.fault(
        fmt::format(R"({{"method": "GET", "path": "blobs/{}", "times": 1000, {}}})", layer().digest.text(), rest));
  }

  void take_from(const Store& store, oci::ImageRepository& repository) {
    take_environment(store, repository, believed_->artifact, believed_->bundle, {});
  }
  std::filesystem::path part_of(const Store& store) const {
    return store.staging_path() / ("blob-" + layer().digest.hex()) / "layer.part";
  }
  static std::uintmax_t size_of(const std::filesystem::path& file) {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(file, ignored);
    return ignored ? 0 : size;
  }
  /// The rest was asked for, and nothing else.
  void expect_resumed(const Store& store, std::uintmax_t from) {
    const auto before = server_.requests().size();
    take_from(store, *open_place(3));
    std::vector<std::string> asked;
    const auto requests = server_.requests();
    for (auto i = before; i < requests.size(); ++i)
      if (requests[i].find(layer().digest.hex()) != std::string::npos) asked.push_back(requests[i]);
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_NE(asked[0].find(fmt::format("bytes={}-", from)), std::string::npos) << asked[0];
    EXPECT_TRUE(store::find_environment(store, environment_.id));
    EXPECT_FALSE(std::filesystem::exists(part_of(store).parent_path())) << "nothing of it is left";
  }

  oci::FaultyRegistry server_;
  store::Environment environment_ = build(store_, "one", oci::random_like(3'000'000));
  std::optional<Believed> believed_;
};

TEST_F(ResumingTest, WhoGaveUpGoesOnInTheMiddleOfALayer) {
  const auto other = new_store("other");
  break_in_the_middle(R"("action": "answer", "status": 503)");
  EXPECT_NE(error_of([&] { take_from(other, *open_place(1)); }).find("HTTP 503"), std::string::npos);
  const auto there = size_of(part_of(other));
  EXPECT_GT(there, 1'000'000U);
  EXPECT_LT(there, layer().size);
  server_.mend();
  expect_resumed(other, there);
}

TEST_F(ResumingTest, WhoWasKilledGoesOnInTheMiddleOfALayer) {
  const auto other = new_store("other");
  break_in_the_middle(R"("action": "answer", "status": 503, "headers": {"Retry-After": "60"})");
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    try {
      take_from(other, *open_place(3));
    } catch (...) {
    }
    ::_exit(0);
  }
  for (int i = 0; i < 2000 && size_of(part_of(other)) < layer().size / 3; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const auto there = size_of(part_of(other));
  EXPECT_GT(there, 1'000'000U);
  server_.mend();
  expect_resumed(other, there);
}

TEST_F(ResumingTest, WhatWasWholeIsNotFetchedAgain) {
  const auto other = new_store("other");
  std::filesystem::create_directories(part_of(other).parent_path());
  std::string bytes;
  open_place(3)->read_blob(layer(), [&](std::string_view more) { bytes += more; });
  write_file_atomically(part_of(other).parent_path() / "layer", bytes, Durable::no);
  const auto before = server_.count({"GET", layer().digest.hex()});
  take_from(other, *open_place(3));
  EXPECT_EQ(server_.count({"GET", layer().digest.hex()}), before);
  EXPECT_TRUE(store::find_environment(other, environment_.id));
}

TEST_F(ResumingTest, WhatIsWrongInTheMiddleIsReadAnew) {
  const auto other = new_store("other");
  std::filesystem::create_directories(part_of(other).parent_path());
  write_file_atomically(part_of(other), std::string(1000, 'x'), Durable::no);
  take_from(other, *open_place(3));
  EXPECT_TRUE(store::find_environment(other, environment_.id));
  EXPECT_EQ(server_.count({"GET", layer().digest.hex(), "bytes=1000-"}), 1U);
}

}  // namespace
}  // namespace karapace::exchange
