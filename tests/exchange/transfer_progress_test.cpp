// SPDX-License-Identifier: Apache-2.0
#include "exchange/transfer_progress.hpp"

#include <array>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/file.hpp"

namespace karapace::exchange {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr std::uint64_t mebibyte = 1 << 20;

/// What a progress of two blobs, half of the first on its way, says until it ends.
std::string told(bool is_terminal, milliseconds every, milliseconds lasting, const std::string& label = "sending") {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd out(ends[0]);
  Fd in(ends[1]);
  {
    TransferProgress progress(label, "blob", {in.get(), is_terminal, every});
    progress.add(2 * mebibyte);
    progress.add(2 * mebibyte);
    progress.at(0, mebibyte);
    std::this_thread::sleep_for(lasting);
  }
  in.reset();
  return read_all(out.get(), "the pipe");
}

TEST(TransferProgress, TellsBlobsBytesAndRate) {
  TransferProgress progress("sending", "blob", {-1, false, milliseconds(100'000)});
  for (int i = 0; i < 3; ++i) progress.add(2 * mebibyte);
  progress.at(0, mebibyte);
  EXPECT_EQ(progress.text(milliseconds(10)), "sending: 0 of 3 blobs, 1.0 MiB of 6.0 MiB");
  progress.end(0);
  progress.leave_out(1);
  EXPECT_EQ(progress.text(milliseconds(2000)), "sending: 1 of 2 blobs, 2.0 MiB of 4.0 MiB, 1.0 MiB/s");
  progress.watcher(2)(mebibyte);
  progress.watcher(2)(0);
  EXPECT_EQ(progress.text(milliseconds(10)), "sending: 1 of 2 blobs, 2.0 MiB of 4.0 MiB") << "it began again";
}

TEST(TransferProgress, IsOneLineOnATerminalThatIsGoneInTheEnd) {
  const auto text = told(true, milliseconds(10), milliseconds(200));
  EXPECT_THAT(text, HasSubstr("karapace: sending: 0 of 2 blobs, 1.0 MiB of 4.0 MiB\x1b[K\r"));
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_TRUE(text.ends_with("\r\x1b[K"));
}

TEST(TransferProgress, IsALineNowAndThenElsewhere) {
  EXPECT_THAT(told(false, milliseconds(10), milliseconds(200)),
              HasSubstr("karapace: sending: 0 of 2 blobs, 1.0 MiB of 4.0 MiB\n"));
  EXPECT_EQ(told(false, milliseconds(10'000), milliseconds(20)), "") << "what is done in a moment needs no word";
  EXPECT_EQ(told(true, milliseconds(10), milliseconds(50), ""), "") << "nothing is asked for";
}

}  // namespace
}  // namespace karapace::exchange
