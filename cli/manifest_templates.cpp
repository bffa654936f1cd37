// SPDX-License-Identifier: Apache-2.0
#include "cli/manifest_templates.hpp"

#include <array>

namespace karapace::cli {

namespace {

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

}  // namespace

std::span<const ManifestTemplate> manifest_templates() noexcept { return templates; }

}  // namespace karapace::cli
