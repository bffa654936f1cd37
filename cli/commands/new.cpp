// SPDX-License-Identifier: Apache-2.0
// new: a manifest to begin with.
#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/new_project.hpp"

namespace karapace::cli {

namespace {

/// Templates of `karapace new`: commented manifests to begin with.
struct ManifestTemplate {
  std::string_view name;
  std::string_view summary;
  std::string_view text;
};

constexpr std::string_view minimal = R"(# What this environment is: docs/manifest.md explains every key.
manifest_version = 1

[base]
image = "debian/bookworm"   # or debian/trixie, debian/sid, ubuntu/noble, ...

[system]
packages = []               # names of the distribution's packages
)";

constexpr std::string_view dev = R"(# A place to work in: version control, an editor and the usual tools.
manifest_version = 1

[base]
image = "debian/bookworm"

[system]
packages = ["ca-certificates", "curl", "git", "less", "make", "ripgrep", "tmux", "vim"]

[environment]
EDITOR = "vim"
)";

constexpr std::string_view python = R"(# Python with virtual environments.
manifest_version = 1

[base]
image = "debian/bookworm"

[system]
packages = ["ca-certificates", "git", "python3", "python3-pip", "python3-venv"]

[environment]
PIP_DISABLE_PIP_VERSION_CHECK = "1"
PYTHONDONTWRITEBYTECODE = "1"
)";

constexpr std::string_view cmake = R"(# A C++ toolchain: compiler, CMake, Ninja and a debugger.
manifest_version = 1

[base]
image = "debian/bookworm"

[system]
packages = ["ccache", "cmake", "g++", "gdb", "git", "ninja-build", "pkg-config"]

[environment]
CMAKE_GENERATOR = "Ninja"
CMAKE_CXX_COMPILER_LAUNCHER = "ccache"
)";

constexpr std::string_view ubuntu = R"(# Ubuntu 24.04 with the tools that most projects expect.
manifest_version = 1

[base]
image = "ubuntu/noble"

[system]
packages = ["build-essential", "ca-certificates", "cmake", "curl", "git", "python3"]
)";

constexpr std::array<ManifestTemplate, 5> templates = {{
    {"minimal", "a base and nothing else", minimal},
    {"dev", "git, an editor and the usual tools", dev},
    {"python", "Python with virtual environments", python},
    {"cmake", "a C++ toolchain with CMake and Ninja", cmake},
    {"ubuntu", "Ubuntu 24.04 with build tools", ubuntu},
}};

std::span<const ManifestTemplate> manifest_templates() noexcept { return templates; }

namespace fs = std::filesystem;

struct Arguments {
  std::string directory = ".";
  std::string wanted = "minimal";
  bool force = false;
};

std::vector<std::string> template_list() {
  std::vector<std::string> names;
  for (const auto& one : manifest_templates()) names.emplace_back(one.name);
  return names;
}

std::string template_names() { return fmt::format("{}", fmt::join(template_list(), ", ")); }

void declare(Options& options, Arguments& arguments) {
  options.positional("NAME", arguments.directory, "the project's directory, made when missing (default: .)");
  options.value("-t,--template", "NAME", arguments.wanted, "one of " + template_names() + " (default: minimal)",
                template_list());
  options.flag("-f,--force", arguments.force, "replace a manifest that is there");
}

const ManifestTemplate& find_template(const std::string& name) {
  auto all = manifest_templates();
  auto found = std::find_if(all.begin(), all.end(), [&](const ManifestTemplate& one) { return one.name == name; });
  if (found != all.end()) return *found;
  throw UsageError(fmt::format("new: there is no template \"{}\"; there are {}", name, template_names()));
}

int run(const Context& context, const Arguments& arguments) {
  const auto& chosen = find_template(arguments.wanted);
  auto directory = (fs::current_path() / arguments.directory).lexically_normal();
  auto path = (directory / "karapace.toml").lexically_normal();
  if (!arguments.force && fs::exists(fs::symlink_status(path))) {
    throw Error(fmt::format("new: {} exists; --force replaces it", path.native()));
  }
  make_project_directory(directory, "new");
  write_file_atomically(path, chosen.text, Durable::yes);
  bool ignored = write_gitignore(directory);
  if (context.json) {
    context.print_json("karapace.new",
                       {{"manifest", path_json(path)}, {"template", chosen.name}, {"gitignore_written", ignored}});
  } else {
    context.print(fmt::format("{} written ({}); next: karapace build {}\n", path.native(), chosen.summary,
                              arguments.directory == "." ? "" : arguments.directory));
  }
  return 0;
}

}  // namespace

Command new_command() {
  return make_command<Arguments>(
      {.name = "new",
       .group = Group::making,
       .summary = "Write a manifest to begin with",
       .description = "Writes NAME/karapace.toml, commented, from a template, and a .gitignore when there is none.",
       .examples = {{"karapace new", "./karapace.toml with a base and no packages"},
                    {"karapace new app --template cmake", "app/karapace.toml with a C++ toolchain"}}},
      declare, run);
}

}  // namespace karapace::cli
