// SPDX-License-Identifier: Apache-2.0
#include "cli/context.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/random.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::cli {

namespace {

/// Writes all of `text`. A reader that went away ends the program as SIGPIPE would, even where SIGPIPE is ignored.
void write_stream(int fd, std::string_view text) {
  while (!text.empty()) {
    auto written = ::write(fd, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      ::_exit(128 + 13);
    } else if (errno != EINTR) {
      throw Error(errno_message("cannot write to standard output", errno));
    }
  }
}

bool shows_colors(int fd) {
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* term = std::getenv("TERM");
  if (term == nullptr || std::string_view(term) == "dumb") return false;
  return ::isatty(fd) == 1;
}

std::string_view code_of(Style style) {
  switch (style) {
    case Style::bold: return "1";
    case Style::dim: return "2";
    case Style::red: return "1;31";
    case Style::green: return "32";
    case Style::yellow: return "33";
    case Style::cyan: return "36";
  }
  return "0";
}

std::string paint(Style style, std::string_view text) { return fmt::format("\x1b[{}m{}\x1b[0m", code_of(style), text); }

std::string random_mark() {
  std::uint64_t random = 0;
  while (::getrandom(&random, sizeof random, 0) != sizeof random) {
  }
  return fmt::format("\x1b{:016x};", random);
}

/// `text` made harmless, with our colours where the mark stands: MARK CODE "m".
std::string shown(std::string_view text, std::string_view mark) {
  std::string result;
  while (!mark.empty()) {
    auto at = text.find(mark);
    if (at == text.npos) break;
    result += printable(text.substr(0, at));
    text.remove_prefix(at + mark.size());
    auto end = text.find('m');
    result += fmt::format("\x1b[{}m", text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return result + printable(text);
}

void complain(const Context& context, Style style, std::string_view word, std::string_view message) {
  auto label = fmt::format("{}:", word);
  if (context.color_err) label = paint(style, label);
  auto line = fmt::format("karapace: {} {}\n", label, printable(message));
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;  // nowhere left to tell
}

}  // namespace

void Context::print(std::string_view text) const { write_stream(STDOUT_FILENO, shown(text, color_mark)); }

void Context::print_document(std::string_view text) const {
  if (::isatty(STDOUT_FILENO) == 1) return print(text);
  write_stream(STDOUT_FILENO, text);
}

void Context::print_json(std::string_view document, nlohmann::json fields, unsigned version) const {
  fields["document"] = document;
  fields["version"] = version;
  // Texts may quote any bytes; JSON text may not hold them.
  auto text = fields.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  write_stream(STDOUT_FILENO, printable_json(text));
}

void Context::warn(std::string_view message) const { complain(*this, Style::yellow, "warning", message); }

void Context::note(std::string_view message) const {
  if (verbosity != 0) tell(message);
}

void Context::tell(std::string_view message) const {
  auto line = fmt::format("karapace: {}\n", printable(message));
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

std::string Context::styled(Style style, std::string_view text) const {
  if (color_mark.empty()) return std::string(text);
  return fmt::format("{}{}m{}{}0m", color_mark, code_of(style), text, color_mark);
}

Context make_context() {
  Context context;
  if (shows_colors(STDOUT_FILENO)) context.color_mark = random_mark();
  context.color_err = shows_colors(STDERR_FILENO);
  return context;
}

void print_error(const Context& context, std::string_view code, std::string_view message, int status) {
  if (context.json) {
    context.print_json("karapace.error", {{"error", {{"code", code}, {"exit_status", status}, {"message", message}}}});
  } else {
    complain(context, Style::red, "error", message);
  }
}

std::string padded(std::string_view text, std::size_t width) { return fmt::format("{:<{}}", text, width); }

}  // namespace karapace::cli
