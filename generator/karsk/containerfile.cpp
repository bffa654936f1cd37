// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "generator/karsk/karsk_project.hpp"

namespace karapace::karsk {

namespace {

struct Suite {
  std::string_view image;
  std::string_view tag;
  std::string_view base;
};
constexpr std::array<Suite, 8> suites{{{"debian", "13", "debian/trixie"},
                                       {"debian", "trixie", "debian/trixie"},
                                       {"debian", "12", "debian/bookworm"},
                                       {"debian", "bookworm", "debian/bookworm"},
                                       {"ubuntu", "24.04", "ubuntu/noble"},
                                       {"ubuntu", "noble", "ubuntu/noble"},
                                       {"ubuntu", "22.04", "ubuntu/jammy"},
                                       {"ubuntu", "jammy", "ubuntu/jammy"}}};

constexpr std::string_view blanks = " \t\r";

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; (begin = line.find_first_not_of(blanks, begin)) != line.npos;) {
    const auto end = std::min(line.find_first_of(blanks, begin), line.size());
    words.emplace_back(line.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

/// Without comments, and with what a backslash continues.
std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  bool is_continued = false;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    if (line.empty() || line.front() == '#') continue;
    line = line.substr(0, line.find_last_not_of(blanks) + 1);
    const bool goes_on = line.ends_with('\\');
    if (goes_on) line.remove_suffix(1);
    if (is_continued)
      lines.back() += " " + std::string(line);
    else
      lines.emplace_back(line);
    is_continued = goes_on;
  }
  return lines;
}

std::string upper(std::string word) {
  for (char& c : word)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return word;
}

std::string base_of(std::string reference) {
  for (const std::string_view prefix : {"docker.io/library/", "docker.io/", "library/"})
    if (reference.starts_with(prefix)) reference.erase(0, prefix.size());
  const auto colon = reference.find(':');
  const auto image = reference.substr(0, colon);
  auto tag = colon == reference.npos ? std::string("latest") : reference.substr(colon + 1);
  tag.resize(std::min(tag.find('-'), tag.size()));  // "bookworm-slim"
  for (const auto& suite : suites)
    if (suite.image == image && suite.tag == tag) return std::string(suite.base);
  const bool has_tag = reference.find(':', reference.rfind('/') + 1) != reference.npos;
  const std::string_view place = reference.find('/') == reference.npos ? "docker.io/library/" : "";
  return fmt::format("oci:{}{}{}", place, reference, has_tag ? "" : ":latest");
}

/// The parts between && and ; of a command line.
std::vector<std::string> commands_of(const std::string& line) {
  std::vector<std::string> commands(1);
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool is_and = line.compare(i, 2, "&&") == 0;
    if (!is_and && line[i] != ';') {
      commands.back() += line[i];
      continue;
    }
    if (is_and) ++i;
    commands.emplace_back();
  }
  return commands;
}

/// apt-get(8): options whose value is the next word, also at the end of "-yt".
bool takes_a_value(std::string_view option) {
  if (option.starts_with("--"))
    return option == "--target-release" || option == "--option" || option == "--config-file";
  return option.size() > 1 && option.find_first_not_of("yqdfmu", 1) == option.size() - 1 &&
         std::string_view("toc").find(option.back()) != std::string_view::npos;
}

bool names_a_suite(std::string_view option) {
  return option.starts_with("-t") || option.starts_with("--target-release") ||
         (takes_a_value(option) && option.back() == 't');
}

bool is_package(const std::string& word) {
  return word.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+.-") == word.npos && word.size() > 1 &&
         word.front() != '-';
}

class Commands {
 public:
  explicit Commands(Containerfile& file) : file_(file) {}

  void take(const std::string& command) {
    auto words = words_of(command);
    while (!words.empty() && words.front().find('=') != std::string::npos) words.erase(words.begin());
    if (words.empty() || is_housekeeping(words)) return;
    if (!is_suite() || !installs(words)) {
      file_.left.push_back("RUN " + trimmed(command));
      return;
    }
    for (const auto& word : words)
      if (word.front() != '-') packages_.insert(word);
  }
  void finish() { file_.packages.assign(packages_.begin(), packages_.end()); }

 private:
  bool is_suite() const { return file_.base.starts_with("debian/") || file_.base.starts_with("ubuntu/"); }
  static std::string trimmed(const std::string& text) {
    const auto begin = text.find_first_not_of(blanks);
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
  }
  static bool is_apt(const std::string& word) { return word == "apt-get" || word == "apt"; }
  static bool is_housekeeping(const std::vector<std::string>& words) {
    const auto is = [&](std::string_view word) { return std::ranges::find(words, word) != words.end(); };
    if (is_apt(words.front())) return is("update") || is("upgrade") || is("clean") || is("autoremove");
    return words.front() == "rm" && std::ranges::all_of(words.begin() + 1, words.end(), [](const auto& word) {
             return word.starts_with('-') || word.starts_with("/var/lib/apt/lists") ||
                    word.starts_with("/var/cache/apt");
           });
  }
  /// Leaves what is to be installed in `words`. False also for what is to be of another suite: a manifest says that per
  /// package.
  static bool installs(std::vector<std::string>& words) {
    if (!is_apt(words.front()) || std::ranges::any_of(words, names_a_suite)) return false;
    for (auto word = words.begin(); word != words.end();) {
      const bool has_value = takes_a_value(*word) && word + 1 != words.end();
      word = has_value ? words.erase(word, word + 2) : word + 1;
    }
    const auto verb = std::ranges::find(words, std::string("install"));
    if (verb == words.end()) return false;
    words.erase(words.begin(), verb + 1);
    return std::ranges::all_of(words, [](const auto& word) { return word.front() == '-' || is_package(word); });
  }

  Containerfile& file_;
  std::set<std::string> packages_;
};

}  // namespace

Containerfile parse_containerfile(std::string_view text) {
  Containerfile file;
  Commands commands(file);
  std::set<std::string> stages;
  for (const auto& line : lines_of(text)) {
    const auto words = words_of(line);
    const auto instruction = upper(words.front());
    if (instruction == "FROM") {
      const auto reference = std::ranges::find_if(words.begin() + 1, words.end(),
                                                  [](const auto& word) { return !word.starts_with("--"); });
      if (reference == words.end()) continue;
      if (!stages.contains(*reference)) file.base = base_of(*reference);
      if (words.end() - reference == 3) stages.insert(words.back());
    } else if (instruction == "RUN") {
      for (const auto& command : commands_of(line.substr(words.front().size()))) commands.take(command);
    } else if (instruction != "LABEL" && instruction != "CMD" && instruction != "ENTRYPOINT") {
      file.left.push_back(line);
    }
  }
  commands.finish();
  return file;
}

}  // namespace karapace::karsk
