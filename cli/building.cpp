// SPDX-License-Identifier: Apache-2.0
#include "cli/building.hpp"

#include <csignal>
#include <cstdlib>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/build_progress.hpp"
#include "cli/measured_side.hpp"
#include "cli/store_access.hpp"
#include "generator/project/ninja.hpp"
#include "remote/download.hpp"

namespace karapace::cli {

namespace {

using Clock = std::chrono::steady_clock;

/// What ninja ends with after Ctrl-C; since 1.12 it is 130.
constexpr int interrupted_ninja = 2;

std::vector<std::string> ninja_arguments(const Context& context, const BuildingArguments& arguments) {
  std::vector<std::string> words;
  if (arguments.jobs) words.insert(words.end(), {"-j", fmt::to_string(*arguments.jobs)});
  if (context.verbosity > 0) words.push_back("-v");
  words.insert(words.end(), arguments.targets.begin(), arguments.targets.end());
  return words;
}

/// Without what sets colours: ninja's "FAILED:" has some on a terminal.
std::string without_colours(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "\x1b[") {
      const auto end = text.find_first_not_of("0123456789;", i + 2);
      if (end != text.npos && text[end] == 'm') {
        i = end;
        continue;
      }
    }
    result += text[i];
  }
  return result;
}

/// Ninja's line before the command of an edge that failed: "FAILED: STORE/steps/KEY ", the newer with "[code=1] ".
bool names_failed_step(std::string_view line) {
  constexpr std::size_t key_digits = 64;
  constexpr std::string_view steps = "/steps/";
  if (!line.starts_with("FAILED: ")) return false;
  line = trimmed(line);
  if (line.size() < key_digits + steps.size()) return false;
  const auto key = line.substr(line.size() - key_digits);
  line.remove_suffix(key_digits);
  return line.ends_with(steps) && key.find_first_not_of("0123456789abcdef") == key.npos;
}

/// The last lines of a terminal, written again and again.
class LiveBlock {
 public:
  explicit LiveBlock(int fd) : fd_(fd) {}
  ~LiveBlock() { erase(); }
  LiveBlock(const LiveBlock&) = delete;
  LiveBlock& operator=(const LiveBlock&) = delete;

  /// Asked each time: windows change their size.
  std::size_t width() const {
    struct winsize size{};
    return ::ioctl(fd_, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
  }

  void draw(const std::vector<std::string>& lines) {
    auto text = erasing();
    shown_.clear();
    for (const auto& line : lines) {
      text += shown_.empty() ? line : "\n" + line;
      shown_.push_back(line.size());
    }
    write(text);
  }

  void erase() {
    write(erasing());
    shown_.clear();
  }

  void say(std::string_view line) {
    auto text = erasing() + std::string(line) + "\n";
    shown_.clear();
    write(text);
  }

 private:
  /// To the start of the block, whose lines take more rows when the window has become narrower.
  std::string erasing() const {
    if (shown_.empty()) return "";
    std::size_t rows = 0;
    for (auto size : shown_) rows += std::max<std::size_t>(1, (size + width() - 1) / width());
    return rows > 1 ? fmt::format("\r\x1b[{}A\x1b[J", rows - 1) : "\r\x1b[J";
  }

  void write(std::string_view text) const {
    while (!text.empty()) {
      const auto written = ::write(fd_, text.data(), text.size());
      if (written <= 0) return;  // nowhere left to tell
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  int fd_;
  std::vector<std::size_t> shown_;  // bytes of each line
};

/// A build whose progress is shown.
class ShownBuild {
 public:
  ShownBuild(const Context& context, std::filesystem::path directory, int fd)
      : context_(context), directory_(std::move(directory)), block_(fd) {}

  int run(const std::vector<std::string>& arguments) {
    const project::NinjaOutput::Reader reader{.status = [this](const project::NinjaStatus& status) { note(status); },
                                              .line = [this](std::string_view line) { pass_on(line); }};
    const auto end = project::watch_ninja(arguments, directory_, reader, [this] { tick(); });
    block_.erase();
    if (end.signal && end.status != 0) return 128 + *end.signal;
    if (end.status == 0 && progress_) {
      if (const auto summary = progress_->summary(Clock::now()); !summary.empty()) block_.say(summary);
    }
    return end.status;
  }

 private:
  /// Only a build that does something needs to know more.
  BuildProgress& progress() {
    if (progress_) return *progress_;
    store_ = store_if_exists(context_);
    auto build = measured_build(directory_, context_.store_root());
    std::vector<EarlierStep> earlier;
    for (const auto& [key, duration] : build.earlier) {
      const auto record = store_ ? store_->record(key) : std::nullopt;
      if (!record) continue;
      const auto kind = record->step.kind;
      if (kind == StepKind::fetch || kind == StepKind::unpack) continue;  // of their sizes records tell nothing
      const auto amount = kind == StepKind::install ? record->step.inputs.size() : 1;
      earlier.push_back({kind, amount, duration});
    }
    progress_.emplace(std::move(build.measured), earlier, std::thread::hardware_concurrency(), begin_);
    return *progress_;
  }

  void note(const project::NinjaStatus& status) { progress().note(status, Clock::now()); }

  void pass_on(std::string_view line) {
    if (line == "ninja: no work to do." || line.starts_with("ninja: Entering directory")) return;
    const auto plain = without_colours(line);
    // The command's keys and script would hide what it said; `karapace explain` and -v tell them.
    if (std::exchange(is_command_next_, names_failed_step(plain)) || is_command_next_) return;
    block_.say(printable(plain));
  }

  /// Drawing takes no more than a tenth of the time: graphs may have a hundred thousand steps.
  void tick() {
    const auto now = Clock::now();
    if (!progress_ || now < next_) return;
    if (!store_) store_ = store_if_exists(context_);
    if (store_) progress_->note_downloads(remote::downloads_under_way(*store_), now);
    auto lines = progress_->lines(now, block_.width() - 1);
    for (auto& line : lines) line = printable(line);
    block_.draw(lines);
    next_ = now + 10 * (Clock::now() - now);
  }

  const Context& context_;
  std::filesystem::path directory_;
  LiveBlock block_;
  std::optional<store::Store> store_;
  std::optional<BuildProgress> progress_;
  bool is_command_next_ = false;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point next_;
};

bool shows_progress(const Context& context, int fd) {
  if (context.verbosity > 0 || ::isatty(fd) != 1) return false;
  const char* terminal = std::getenv("TERM");
  return terminal != nullptr && std::string_view(terminal) != "dumb" && project::ninja_tells_edges();
}

int run_ninja(const Context& context, const BuildingArguments& arguments, const std::filesystem::path& directory,
              BuildOutput to) {
  const int fd = to == BuildOutput::errors ? STDERR_FILENO : STDOUT_FILENO;
  const auto words = ninja_arguments(context, arguments);
  if (arguments.quiet) return project::run_ninja_quietly(words, directory);
  if (shows_progress(context, fd)) return ShownBuild(context, directory, fd).run(words);
  return project::run_ninja(words, directory,
                            to == BuildOutput::errors ? ChildOutput::to_stderr : ChildOutput::inherit);
}

}  // namespace

void declare_building(Options& options, BuildingArguments& arguments) {
  options.value("-j,--jobs", "N", arguments.jobs, "how many steps run at once (default: ninja's)");
  options.flag("-q,--quiet", arguments.quiet, "say nothing of steps, unless one fails");
}

int run_building(const Context& context, const BuildingArguments& arguments, const std::filesystem::path& directory,
                 BuildOutput output) {
  const int status = run_ninja(context, arguments, directory, context.json ? BuildOutput::errors : output);
  if (status == interrupted_ninja) return 128 + SIGINT;
  if (status == 0 || status > 128) return status;
  throw StepError(fmt::format(
      "ninja ended with status {} (see above); once that is mended, `{}` goes on where it stopped{}", status,
      arguments.again, arguments.targets.empty() ? fmt::format(", and `ninja -C {}` too", directory.native()) : ""));
}

}  // namespace karapace::cli
