// SPDX-License-Identifier: Apache-2.0
// Pages for man(1), made from the same data that the parser uses.
#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "cli/command.hpp"

namespace karapace::cli {

namespace {

/// Characters beyond ASCII as groff names them: \[u2014]. `text` is UTF-8, ours.
std::string ascii(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      result += text[i];
      continue;
    }
    unsigned rest = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    unsigned point = lead & (0x3FU >> rest);
    for (; rest > 0 && i + 1 < text.size(); --rest)
      point = point << 6 | (static_cast<unsigned char>(text[++i]) & 0x3FU);
    result += fmt::format("\\[u{:04X}]", point);
  }
  return result;
}

/// `text` as roff reads it, on one line: `word` in bold, and minus signs that can be copied.
std::string escaped(std::string_view text) {
  std::string result;
  bool bold = false;
  for (char c : text) {
    switch (c) {
      case '\\': result += "\\e"; break;
      case '-': result += "\\-"; break;
      case '\'': result += "\\(aq"; break;
      case '"': result += "\\(dq"; break;
      case '^': result += "\\(ha"; break;
      case '~': result += "\\(ti"; break;
      case '`':
        bold = !bold;
        result += bold ? "\\fB" : "\\fR";
        break;
      default: result += c;
    }
  }
  return ascii(result);
}

/// A line of text: one that begins with a point would be a request.
std::string line(std::string_view text) {
  auto result = escaped(text);
  return (result.starts_with('.') ? "\\&" : "") + result + "\n";
}

std::string heading(std::string_view text) { return fmt::format(".SH {}\n", text); }

std::string item(std::string_view left, std::string_view right) {
  return fmt::format(".TP\n\\fB{}\\fR\n{}", escaped(left), line(right));
}

/// Paragraphs, with an empty line between two. Lines that are indented stay as they are.
std::string paragraphs(std::string_view text) {
  std::string result;
  bool literal = false;
  while (!text.empty()) {
    const auto one = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(one.size() + 1, text.size()));
    if (const bool indented = one.starts_with("  "); indented != literal) {
      result += indented ? ".nf\n" : ".fi\n";
      literal = indented;
    }
    result += one.empty() ? ".PP\n" : line(one);
  }
  return literal ? result + ".fi\n" : result;
}

std::string title(std::string_view name, std::string_view summary) {
  std::string upper(name);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  return fmt::format(
      ".\\\" Made by `karapace man\\-pages`.\n.TH {} 1 \"\" \"Karapace {}\" \"Karapace\"\n.SH NAME\n{} \\- {}",
      escaped(upper), KARAPACE_VERSION, escaped(name), line(summary));
}

std::string option_items(const std::vector<Option>& options, bool named) {
  std::string text;
  for (const auto& option : options)
    if (option.is_named() == named) text += item(term(option), option.help);
  return text;
}

std::string term_items(std::span<const Term> terms) {
  std::string text;
  for (const auto& [name, explanation] : terms) text += item(name, explanation);
  return text;
}

std::string global_items() {
  GlobalArguments arguments;
  Options options;
  declare_globals(options, arguments);
  return option_items(options.all(), true);
}

std::string references(const std::vector<std::string>& pages) {
  std::string text;
  for (const auto& page : pages) text += fmt::format(".BR {} (1){}\n", escaped(page), page == pages.back() ? "" : " ,");
  return text;
}

/// Those of the command's group.
std::vector<std::string> related(const CommandText& text) {
  std::vector<std::string> pages = {"karapace"};
  for (const auto& entry : command_table())
    if (entry.name != text.name && entry.make().text.group == text.group) pages.push_back(page_name(entry.name));
  return pages;
}

}  // namespace

std::string page_name(std::string_view command) {
  auto name = fmt::format("karapace-{}", command);
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string program_page() {
  auto text = title("karapace", "locked, content-addressed Linux environments built by Ninja");
  text += heading("SYNOPSIS") + line("`karapace` COMMAND [ARGUMENT]...");
  text += heading("DESCRIPTION") +
          paragraphs(
              "Karapace turns a manifest into a locked, content-addressed Linux environment whose build is a\n"
              "Ninja graph, and runs shells and commands in it, without root. `karapace new` writes a\n"
              "manifest to begin with, `karapace build` builds its environment, `karapace enter` opens a\n"
              "shell in it.");
  text += heading("COMMANDS");
  for (const auto& entry : command_table()) text += item(page_name(entry.name) + "(1)", entry.make().text.summary);
  text += heading("OPTIONS") + line("They may stand before or after the command.") + global_items();
  text += heading("EXIT STATUS") + term_items(exit_statuses({}));
  text += line("Of `exec` and `enter` it is that of the command that ran inside.");
  text += heading("ENVIRONMENT") + term_items(variables());
  std::vector<std::string> pages;
  for (const auto& entry : command_table()) pages.push_back(page_name(entry.name));
  return text + heading("SEE ALSO") + references(pages);
}

std::string command_page(const Command& command) {
  const auto& [text, options, run] = command;
  auto page = title(page_name(text.name), text.summary);
  page += heading("SYNOPSIS") + line(usage_line(command));
  page += heading("DESCRIPTION") + paragraphs(text.description.empty() ? text.summary + "." : text.description);
  if (auto arguments = option_items(options.all(), false); !arguments.empty()) page += heading("ARGUMENTS") + arguments;
  page += heading("OPTIONS") + option_items(options.all(), true) + global_items();
  if (!text.examples.empty()) page += heading("EXAMPLES");
  for (const auto& example : text.examples) page += item(example.command, example.explanation);
  page += heading("EXIT STATUS") + term_items(exit_statuses(text));
  page += heading("ENVIRONMENT") + term_items(variables());
  return page + heading("SEE ALSO") + references(related(text));
}

}  // namespace karapace::cli
