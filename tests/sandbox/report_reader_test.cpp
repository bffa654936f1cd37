// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/report_reader.hpp"

#include <cstring>

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "runtime/init/plan_reader.hpp"
#include "runtime/sandbox/init_plan.hpp"

namespace karapace::sandbox::test {
namespace {

using init::Report;
using Kind = Report::Kind;

Report report(Kind kind, std::uint32_t command = 0, int status = 0) {
  Report made;
  made.kind = kind;
  made.command = command;
  made.status = status;
  return made;
}

/// The reader's word on a sequence of reports: "" when all may come.
std::string told(const ReportRules& rules, const std::vector<Report>& reports) {
  ReportReader reader(Fd(), rules);
  try {
    for (const auto& one : reports) reader.accept(reinterpret_cast<const char*>(&one), sizeof one, Fd());
    return "";
  } catch (const SandboxError& error) {
    return std::string(error.what()).substr(std::strlen("sandbox: process 1 sent a report that it may not send: "));
  }
}

TEST(ReportReader, TakesWhatASandboxSays) {
  EXPECT_EQ(told({.commands = 2}, {report(Kind::ready), report(Kind::finished, 0), report(Kind::not_started, 1),
                                   report(Kind::finished, 1, 127)}),
            "");
  EXPECT_EQ(told({.commands = 1, .may_ask_for_fuse = true},
                 {report(Kind::fuse), report(Kind::ready), report(Kind::finished, 0, 3)}),
            "");
  EXPECT_EQ(told({.commands = 1}, {report(Kind::failure)}), "");
}

TEST(ReportReader, RefusesWhatComesTwiceLateOrOutOfRange) {
  EXPECT_EQ(told({.commands = 1}, {report(Kind::fuse)}), "a FUSE server");
  EXPECT_EQ(told({.commands = 1, .may_ask_for_fuse = true}, {report(Kind::fuse), report(Kind::fuse)}), "a FUSE server");
  EXPECT_EQ(told({.commands = 1, .may_ask_for_fuse = true}, {report(Kind::ready), report(Kind::fuse)}),
            "a FUSE server");
  EXPECT_EQ(told({.commands = 1}, {report(Kind::ready), report(Kind::ready)}), "ready");
  EXPECT_EQ(told({.commands = 1, .may_send_terminal = true}, {report(Kind::ready)}), "ready");
  EXPECT_EQ(told({.commands = 1, .may_send_terminal = true}, {report(Kind::terminal)}), "its descriptor");
  EXPECT_EQ(told({.commands = 1}, {report(Kind::terminal)}), "a terminal");
  EXPECT_EQ(told({.commands = 1}, {report(Kind::finished)}), "finished");
  EXPECT_EQ(told({.commands = 2}, {report(Kind::ready), report(Kind::finished, 1)}), "finished");
  EXPECT_EQ(told({.commands = 2}, {report(Kind::ready), report(Kind::finished, 0, 256)}), "finished");
  EXPECT_EQ(told({.commands = 1}, {report(Kind::ready), report(Kind::finished), report(Kind::failure)}),
            "nothing may follow");
  EXPECT_EQ(told({.commands = 1}, {report(Kind::failure), report(Kind::ready)}), "nothing may follow");
  EXPECT_EQ(told({.commands = 1}, {report(static_cast<Kind>(77))}), "its kind is unknown");
}

TEST(ReportReader, EndsTextsThatDoNotEnd) {
  auto endless = report(Kind::failure);
  std::memset(endless.stage, 'x', sizeof endless.stage);
  std::memset(endless.object, 'y', sizeof endless.object);
  ReportReader reader(Fd(), {.commands = 1});
  const auto heard = reader.accept(reinterpret_cast<const char*>(&endless), sizeof endless, Fd());
  EXPECT_EQ(std::strlen(heard.report.stage), sizeof endless.stage - 1);
  EXPECT_EQ(std::strlen(heard.report.object), sizeof endless.object - 1);
}

TEST(ReportReader, TakesOnlyATerminalsMasterForOne) {
  int master = -1;
  int slave = -1;
  ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  const auto terminal = report(Kind::terminal);
  const auto accept = [&](int fd) {
    ReportReader reader(Fd(), {.commands = 1, .may_send_terminal = true});
    reader.accept(reinterpret_cast<const char*>(&terminal), sizeof terminal, Fd(fd));
  };
  EXPECT_THROW(accept(slave), SandboxError);
  EXPECT_THROW(accept(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), SandboxError);
  EXPECT_NO_THROW(accept(master));
}

TEST(ReportReader, RefusesMessagesOfAnotherSizeAndMoreDescriptorsThanOne) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  const Fd outside(ends[1]);
  Fd inside(ends[0]);
  ReportReader reader(std::move(inside), {.commands = 1});
  const std::string large(sizeof(Report) + 100, 'x');
  ASSERT_GT(::send(outside.get(), large.data(), large.size(), 0), 0);
  EXPECT_THROW(reader.hear(), SandboxError);
  ASSERT_GT(::send(outside.get(), "short", 5, 0), 0);
  EXPECT_THROW(reader.hear(), SandboxError);
}

TEST(InitPlan, IsReadAsItWasWritten) {
  const std::vector<Command> commands = {{{"sh", "-c", "echo \"$A\""}, {{"A", "1"}, {"PATH", "/bin"}}, "/work dir", {}},
                                         {{"true"}, {}, "/", {}}};
  const auto bytes = init_plan_bytes({.umask = 027}, commands);
  const auto plan = init::read_plan(bytes.data(), bytes.size());
  ASSERT_NE(plan.header, nullptr);
  EXPECT_EQ(plan.header->umask, 027u);
  ASSERT_EQ(plan.header->commands, 2u);
  EXPECT_STREQ(plan.commands[0].argv[2], "echo \"$A\"");
  EXPECT_EQ(plan.commands[0].argv[3], nullptr);
  EXPECT_STREQ(plan.commands[0].variables[0], "A=1");
  EXPECT_STREQ(plan.commands[0].search_path, "/bin");
  EXPECT_STREQ(plan.commands[0].working_directory, "/work dir");
  EXPECT_STREQ(plan.commands[1].search_path, "");
  EXPECT_EQ(plan.commands[1].variables[0], nullptr);
}

TEST(InitPlan, ThatIsCutShortAnywhereIsRefused) {
  const auto bytes = init_plan_bytes({}, {{{"sh", "-c", "true"}, {{"A", "1"}}, "/", {}}});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    auto cut = bytes.substr(0, size);
    const auto header_size = static_cast<std::uint64_t>(size);
    if (size >= 16) std::memcpy(cut.data() + 8, &header_size, sizeof header_size);
    EXPECT_EQ(init::read_plan(cut.data(), cut.size()).header, nullptr) << size;
  }
}

}  // namespace
}  // namespace karapace::sandbox::test
