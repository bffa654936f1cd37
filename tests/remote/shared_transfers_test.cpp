// SPDX-License-Identifier: Apache-2.0
// Several karapace-fetch at once, and the karapace-transfer that they share. A download that stalls keeps it alive, so
// that nothing here depends on how fast anything is.
#include "remote/shared_transfers.hpp"

#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/remove_tree.hpp"
#include "remote/sha256.hpp"
#include "store/store.hpp"
#include "tests/remote/faulty_server.hpp"

namespace karapace::remote {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

std::string last_word(const std::string& line) { return line.substr(line.rfind(' ') + 1); }

std::vector<fs::path> entries(const fs::path& directory) {
  std::error_code missing;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(directory, missing)) paths.push_back(entry.path());
  return paths;
}

class SharedDownloads : public testing::Test {
 protected:
  SharedDownloads() {
    std::string pattern = testing::TempDir() + "karapace-shared-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    fs::create_directory(directory_ / "server");
    server_.emplace(directory_ / "server", payload_);
  }
  ~SharedDownloads() override {
    for (auto child : children_) end(child);
    wait_for([&] { return servers().empty(); });
    server_.reset();
    remove_tree(directory_);
  }

  static void wait_for(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_TRUE(condition());
  }

  struct File {
    Sha256 sha256;
    std::uint64_t size;
    std::string path;  // at the server
  };

  /// `number` tells files apart that never arrive.
  File stalling(int number) const {
    return {Sha256Hasher().update(std::to_string(number)).finish(), payload_.size(), fmt::format("stall/{}", number)};
  }
  static File zeros(std::uint64_t size) {
    return {Sha256Hasher().update(std::string(size, '\0')).finish(), size, fmt::format("zeros/{}", size)};
  }
  File payload(std::string path) const {
    return {Sha256Hasher().update(payload_).finish(), payload_.size(), std::move(path)};
  }

  static Step step_for(const File& file) {
    return Step::normalised(StepKind::fetch, {{"sha256", file.sha256.hex()}, {"size", std::to_string(file.size)}}, {});
  }

  std::vector<std::string> words_for(const File& file) const {
    auto sha256 = file.sha256.hex();
    auto mirrors = directory_ / (sha256 + ".json");
    std::ofstream(mirrors) << fmt::format(R"({{"files": {{"{}": ["{}"]}}}})", sha256, server_->url(file.path));
    return {KARAPACE_FETCH,
            "fetch",
            store() / "steps" / step_for(file).key().hex(),
            "--hint",
            "mirrors=" + mirrors.string(),
            "sha256=" + sha256,
            fmt::format("size={}", file.size),
            "--"};
  }

  /// Runs karapace-fetch; `environment` is NAME=VALUE or empty, `output` becomes its standard streams.
  pid_t start(const File& file, const std::string& environment = {}, int output = -1) {
    auto words = words_for(file);
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    auto variable = environment;
    auto child = ::fork();
    if (child == 0) {
      if (!variable.empty()) ::putenv(variable.data());
      for (int fd = 0; output >= 0 && fd < 3; ++fd) ::dup2(output, fd);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    children_.insert(child);
    return child;
  }

  /// Starts one that will not end, and waits until it has got what it will get.
  pid_t start_stalled(int number, const std::string& environment = {}, int output = -1) {
    auto child = start(stalling(number), environment, output);
    wait_for([&] { return asked_for(stalling(number).path); });
    return child;
  }

  int wait(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    children_.erase(child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }

  void end(pid_t child) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }

  bool asked_for(const std::string& path) const {
    for (const auto& line : server_->requests()) {
      if (line.starts_with("/" + path + " ")) return true;
    }
    return false;
  }

  void expect_stored(const File& file) const {
    auto record = store::Store::open(store(), store::Store::Access::read_only).record(step_for(file).key());
    ASSERT_TRUE(record);
    EXPECT_EQ(record->blob().sha256, file.sha256);
  }

  /// Whether the first half of the payload has been written.
  bool has_half() const {
    for (const auto& staging : entries(store() / "staging")) {
      std::error_code missing;
      if (fs::file_size(staging / "download", missing) == payload_.size() / 2) return true;
    }
    return false;
  }

  fs::path store() const { return directory_ / "store"; }
  std::vector<fs::path> shared() const { return entries(store() / "fetch"); }

  /// The processes that serve this store.
  std::vector<pid_t> servers() const {
    std::vector<pid_t> found;
    for (const auto& process : entries("/proc")) {
      std::error_code not_ours;
      auto program = fs::read_symlink(process / "exe", not_ours).filename();
      auto directory = fs::read_symlink(process / "fd/3", not_ours).native();
      if (program != "karapace-transfer" || !directory.starts_with(store().native())) continue;
      found.push_back(std::stoi(process.filename()));
    }
    return found;
  }

  std::string payload_ = std::string(300'000, 'x');
  fs::path directory_;
  std::optional<FaultyServer> server_;
  std::set<pid_t> children_;
};

TEST_F(SharedDownloads, UseOneProcessAndItsConnections) {
  start_stalled(1);
  constexpr std::uint64_t files = 12;
  for (std::uint64_t size = 1; size <= files; ++size) {
    EXPECT_EQ(wait(start(zeros(size))), 0);
    expect_stored(zeros(size));
  }
  EXPECT_THAT(servers(), SizeIs(1));
  std::set<std::string> connections;
  for (const auto& line : server_->requests()) {
    if (line.starts_with("/zeros/")) connections.insert(last_word(line));
  }
  EXPECT_THAT(connections, SizeIs(1));
}

TEST_F(SharedDownloads, MayAllBeginAtOnce) {
  std::vector<pid_t> all;
  for (std::uint64_t size = 1; size <= 12; ++size) all.push_back(start(zeros(size)));
  for (auto child : all) EXPECT_EQ(wait(child), 0);
  for (std::uint64_t size = 1; size <= 12; ++size) expect_stored(zeros(size));
}

TEST_F(SharedDownloads, LeaveNothingBehind) {
  EXPECT_EQ(wait(start(payload("ok"))), 0);
  expect_stored(payload("ok"));
  wait_for([&] { return servers().empty(); });
  EXPECT_THAT(shared(), IsEmpty());
}

TEST_F(SharedDownloads, LeaveNothingBehindWhenTheyAreKilled) {
  auto first = start_stalled(1);
  auto second = start_stalled(2);
  EXPECT_THAT(servers(), SizeIs(1));
  for (auto child : {first, second}) {
    ::kill(child, SIGKILL);
    wait(child);
  }
  wait_for([&] { return servers().empty(); });
  EXPECT_THAT(shared(), IsEmpty());
}

TEST_F(SharedDownloads, ContinueByThemselvesWhenTheProcessIsKilled) {
  auto file = payload("stall-once");
  auto child = start(file);
  wait_for([&] { return has_half(); });
  ASSERT_THAT(servers(), SizeIs(1));
  ::kill(servers().front(), SIGKILL);
  EXPECT_EQ(wait(child), 0);
  expect_stored(file);
  EXPECT_THAT(server_->requests(),
              testing::ElementsAre(StartsWith("/stall-once - "), StartsWith("/stall-once bytes=150000- ")));
}

TEST_F(SharedDownloads, ContinueByThemselvesWhenTheProcessIsStopped) {
  auto file = payload("stall-once");
  auto child = start(file);
  wait_for([&] { return has_half(); });
  ASSERT_THAT(servers(), SizeIs(1));
  auto stopped = servers().front();
  ::kill(stopped, SIGSTOP);
  EXPECT_EQ(wait(child), 0);
  expect_stored(file);
  EXPECT_THAT(shared(), IsEmpty());  // the next one starts another
  EXPECT_EQ(wait(start(zeros(1))), 0);
  ::kill(stopped, SIGCONT);
}

TEST_F(SharedDownloads, ShareOnlyInTheSameEnvironment) {
  start_stalled(1, "http_proxy=");
  start_stalled(2, "no_proxy=mirror.invalid");
  start_stalled(3, "no_proxy=mirror.invalid");
  EXPECT_THAT(servers(), SizeIs(2));
}

TEST_F(SharedDownloads, WorkWhereTheyCanNotShare) {
  start_stalled(1);
  ASSERT_THAT(shared(), SizeIs(1));
  auto name = shared().front();
  end(*children_.begin());
  children_.clear();
  wait_for([&] { return !fs::exists(name); });
  std::ofstream(name) << "in the way";
  EXPECT_EQ(wait(start(payload("ok"))), 0);
  expect_stored(payload("ok"));
  EXPECT_THAT(servers(), IsEmpty());
}

TEST_F(SharedDownloads, TakeOverWhatAKilledProcessLeft) {
  auto child = start_stalled(1);
  ASSERT_THAT(servers(), SizeIs(1));
  auto killed = servers().front();
  ::kill(child, SIGSTOP);  // so that it does not start the next one
  ::kill(killed, SIGKILL);
  wait_for([&] { return servers().empty(); });
  EXPECT_THAT(shared(), SizeIs(1));
  start_stalled(2);
  EXPECT_THAT(servers(), SizeIs(1));
  EXPECT_THAT(shared(), SizeIs(1));
}

TEST_F(SharedDownloads, AreEndedForNinjaWhenTheirProcessIsNot) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Fd ours(ends[0]);
  Fd theirs(ends[1]);
  auto first = start_stalled(1, {}, theirs.get());
  theirs.reset();
  start_stalled(2);
  ::kill(first, SIGKILL);
  wait(first);
  struct pollfd closed{ours.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&closed, 1, 10'000), 1);
  EXPECT_EQ(closed.revents, POLLHUP);
  EXPECT_THAT(servers(), SizeIs(1));
}

/// Of the processor, by all of the process's threads, in ticks of 1/100 s.
long time_used_by(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  long user = 0;
  long system = 0;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  fields >> user >> system;
  return user + system;
}

TEST_F(SharedDownloads, WaitWithoutWorkForAProcessThatHasNoDescriptorLeft) {
  start_stalled(1);
  ASSERT_THAT(servers(), SizeIs(1));
  const auto server = servers().front();
  const auto in_use = entries(fmt::format("/proc/{}/fd", server)).size();
  const rlimit full{in_use, in_use};
  ASSERT_EQ(::prlimit(server, RLIMIT_NOFILE, &full, nullptr), 0);
  const auto before = time_used_by(server);
  // It connects, is not answered for five seconds, and goes on by itself.
  EXPECT_EQ(wait(start(payload("ok"))), 0);
  expect_stored(payload("ok"));
  EXPECT_LT(time_used_by(server) - before, 50);
}

TEST_F(SharedDownloads, AreNotDisturbedByNonsense) {
  start_stalled(1);
  ASSERT_THAT(shared(), SizeIs(1));
  for (std::string nonsense : {"x", "q", "q{}", "qnull", "q{\"url\": 1, \"from\": -1, \"options\": \"\"}", "."}) {
    Fd connection(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    auto directory = Fd(::open(shared().front().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    fmt::format_to(address.sun_path, "/proc/self/fd/{}/socket", directory.get());
    ASSERT_EQ(::connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::send(connection.get(), nonsense.data(), nonsense.size(), MSG_NOSIGNAL);
    char answer = 0;
    EXPECT_LE(::recv(connection.get(), &answer, 1, 0), 0) << nonsense;
  }
  EXPECT_EQ(wait(start(zeros(1))), 0);
  EXPECT_THAT(servers(), SizeIs(1));
}

}  // namespace
}  // namespace karapace::remote
