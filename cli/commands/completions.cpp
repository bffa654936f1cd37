// SPDX-License-Identifier: Apache-2.0
// completions: what bash, zsh and fish load, and what that asks.
#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "cli/commands.hpp"
#include "cli/store_access.hpp"
#include "store/instance_names.hpp"
#include "store/root_index.hpp"

namespace karapace::cli {

namespace {

// The answer to a script: a line "none", "files" or "directories", then a line for each candidate.

// "$1" is the program as it was typed; an alias is no program. COMP_WORDS has "=" as a word of its own.
constexpr std::string_view bash_script = R"(# bash completion for karapace: the program itself answers.
_karapace() {
  local program=karapace line paths=
  [[ $1 == */* ]] && program=${1/#\~\//$HOME/}
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ -z $paths ]]; then paths=$line; else COMPREPLY+=("$line"); fi
  done < <("$program" completions bash -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  case $paths in
    files) compopt -o default ;;
    directories) compopt -o dirnames ;;
  esac
}
complete -F _karapace karapace
)";

constexpr std::string_view zsh_script = R"(#compdef karapace
# zsh completion for karapace: the program itself answers.
_karapace() {
  local program=karapace
  local -a asked answer candidates
  [[ $words[1] == */* ]] && program=${${(Q)words[1]}/#\~\//$HOME/}
  asked=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
  answer=("${(@f)$($program completions zsh -- "${asked[@]}" 2>/dev/null)}")
  candidates=("${(@)answer[2,-1]}")
  (( $#answer > 1 )) && _describe karapace candidates
  case $answer[1] in
    files) compset -P '--*='; _files ;;
    directories) compset -P '--*='; _files -/ ;;
  esac
}
if [[ $funcstack[1] == _karapace ]]; then
  _karapace "$@"
else
  compdef _karapace karapace
fi
)";

constexpr std::string_view fish_script = R"fish(# fish completion for karapace: the program itself answers.
function __karapace_complete
    set -l words (commandline -opc)
    set -l token "$(commandline -ct)"
    set -l program karapace
    string match -q '*/*' -- $words[1]; and set program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -l answer ($program completions fish -- $words[2..-1] $token 2>/dev/null)
    test (count $answer) -gt 1; and printf '%s\n' $answer[2..-1]
    set -l prefix "$(string match -r -- '^--[^=]+=' $token)"
    set -l path (string replace -r -- '^--[^=]+=' '' $token)
    switch "$answer[1]"
        case files
            printf '%s\n' $prefix(__fish_complete_path $path)
        case directories
            printf '%s\n' $prefix(__fish_complete_directories $path)
    end
end
complete -c karapace -f -a '(__karapace_complete)'
)fish";

enum class Shell { bash, zsh, fish };

struct Arguments {
  std::string shell;
  std::vector<std::string> words;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("SHELL", arguments.shell, "bash, zsh or fish", Options::Presence::required,
                     {"bash", "zsh", "fish"});
  options.rest("WORD", arguments.words, "answer what the script asks: what may stand for the last of these words");
}

Shell shell_named(const std::string& name) {
  if (name == "bash") return Shell::bash;
  if (name == "zsh") return Shell::zsh;
  if (name == "fish") return Shell::fish;
  throw UsageError(fmt::format("completions: there is no script for \"{}\", only for bash, zsh and fish", name));
}

std::string_view script_of(Shell shell) {
  switch (shell) {
    case Shell::bash: return bash_script;
    case Shell::zsh: return zsh_script;
    case Shell::fish: return fish_script;
  }
  return "";
}

std::string_view text(Completion::Paths paths) {
  switch (paths) {
    case Completion::Paths::none: return "none";
    case Completion::Paths::files: return "files";
    case Completion::Paths::directories: return "directories";
  }
  return "";
}

/// bash splits "--store=x" in three words.
std::vector<std::string> words_of_bash(const std::vector<std::string>& words) {
  std::vector<std::string> joined;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "=" && !joined.empty() && joined.back().starts_with("--"))
      joined.back() += i + 1 < words.size() ? "=" + words[++i] : "=";
    else
      joined.push_back(words[i]);
  }
  return joined;
}

/// The names of projects and where these are, and those that people gave to instances.
std::vector<Candidate> names_in_store(const Context& context, const std::string& store_option) {
  auto chosen = context;
  if (!store_option.empty()) chosen.store_option = store_option;
  const auto store = store_if_exists(chosen);
  if (!store) return {};
  std::map<std::string, std::string> found;
  for (const auto& root : store::RootIndex::glance(*store).all()) {
    for (const auto& name : store::names(root)) {
      auto [place, fresh] = found.emplace(name, escaped_utf8(root.manifest.native()));
      if (!fresh) place->second = "several projects";
    }
  }
  for (const auto& name : store::given_names(*store)) found.insert_or_assign(name, "an instance");
  std::vector<Candidate> names;
  for (auto& [name, manifest] : found) names.push_back({name, std::move(manifest)});
  return names;
}

/// What shells would take apart is no name that can be completed.
bool is_plain(std::string_view word) {
  return std::none_of(word.begin(), word.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' ||
           std::string_view("\"'\\$`;&|<>()*?[]{}!#\x7f").find(c) != std::string_view::npos;
  });
}

/// As the shell's script reads it.
std::string line_of(Shell shell, const std::string& prefix, const Candidate& candidate) {
  switch (shell) {
    case Shell::bash: return candidate.word + "\n";  // which knows "--store=" to be another word
    case Shell::fish: return fmt::format("{}{}\t{}\n", prefix, candidate.word, candidate.explanation);
    case Shell::zsh: break;
  }
  std::string escaped;
  for (char c : prefix + candidate.word) escaped += c == ':' ? "\\:" : std::string(1, c);
  return candidate.explanation.empty() ? escaped + "\n" : fmt::format("{}:{}\n", escaped, candidate.explanation);
}

int answer(const Context& context, Shell shell, const std::vector<std::string>& words) {
  auto lookup = [&](const std::string& store) { return names_in_store(context, store); };
  auto completion = complete(shell == Shell::bash ? words_of_bash(words) : words, lookup);
  std::erase_if(completion.candidates, [](const auto& candidate) { return !is_plain(candidate.word); });
  if (context.json) {
    auto candidates = nlohmann::json::array();
    for (const auto& [word, explanation] : completion.candidates)
      candidates.push_back({{"word", completion.prefix + word}, {"explanation", explanation}});
    context.print_json("karapace.completion", {{"paths", text(completion.paths)}, {"candidates", candidates}});
    return 0;
  }
  auto lines = fmt::format("{}\n", text(completion.paths));
  for (const auto& candidate : completion.candidates) lines += line_of(shell, completion.prefix, candidate);
  context.print_document(lines);
  return 0;
}

int run(const Context& context, const Arguments& arguments) {
  const auto shell = shell_named(arguments.shell);
  if (!arguments.words.empty()) return answer(context, shell, arguments.words);
  if (context.json) {
    context.print_json("karapace.completions", {{"shell", arguments.shell}, {"script", script_of(shell)}});
  } else {
    context.print_document(script_of(shell));
  }
  return 0;
}

}  // namespace

Command completions_command() {
  return make_command<Arguments>(
      {.name = "completions",
       .group = Group::understanding,
       .summary = "Print what makes a shell complete commands and names",
       .description = "Prints a script for SHELL. It asks this program whenever something is to be completed:\n"
                      "commands, options, their values, and the names of the environments that there are then.",
       .examples = {{"eval \"$(karapace completions bash)\"", "in ~/.bashrc"},
                    {"karapace completions zsh > ~/.zfunc/_karapace", "a directory of zsh's $fpath"},
                    {"karapace completions fish > ~/.config/fish/completions/karapace.fish", "for fish"}}},
      declare, run);
}

}  // namespace karapace::cli
