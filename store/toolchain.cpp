// SPDX-License-Identifier: Apache-2.0
#include "store/toolchain.hpp"

#include <cerrno>
#include <cstdint>
#include <set>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"

namespace karapace::store {

namespace {

namespace fs = std::filesystem;

constexpr const char* environment_file = "environment";
constexpr std::string_view programs = "bin/";

/// Its length as 8 bytes, least significant first, then the bytes: as in step keys.
void append_field(std::string& encoding, std::string_view bytes) {
  std::uint64_t length = bytes.size();
  for (int i = 0; i < 8; ++i) encoding += static_cast<char>(length >> (8 * i) & 0xff);
  encoding += bytes;
}

/// Also when somebody else made it meanwhile.
void make_directory(int parent, const char* name) {
  if (::mkdirat(parent, name, 0755) == 0 || errno == EEXIST) return;
  throw StoreError(errno_message(fmt::format("cannot make \"{}\"", name), errno));
}

std::set<std::string> names_of(const ToolchainFiles& files) {
  std::set<std::string> names;
  for (const auto& [name, text] : files) names.insert(name);
  return names;
}

std::set<std::string> names_below(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& name : names_in(directory)) {
    if (name != "bin") names.insert(name);
  }
  for (const auto& name : names_in(directory / "bin")) names.insert(std::string(programs) + name);
  return names;
}

bool is_whole(const fs::path& directory, const ToolchainFiles& files) {
  if (names_below(directory) != names_of(files)) return false;
  for (const auto& [name, text] : files) {
    if (read_file_if_exists(directory / name) != text) return false;
    if (name.starts_with(programs) && ::access((directory / name).c_str(), X_OK) != 0) return false;
  }
  return true;
}

void rename_or_throw(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return;
  throw StoreError(errno_message(fmt::format("cannot make \"{}\"", escaped_utf8(to.native())), errno));
}

}  // namespace

Digest toolchain_digest(const ToolchainFiles& files) {
  std::string encoding;
  append_field(encoding, "karapace toolchain 1");
  append_field(encoding, fmt::to_string(files.size()));
  for (const auto& [name, text] : files) {
    append_field(encoding, name);
    append_field(encoding, text);
  }
  return blake3(encoding);
}

void write_toolchain_files(int directory, const ToolchainFiles& files) {
  make_directory(directory, "bin");
  auto bin = open_at(directory, "bin", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  for (const auto& [name, text] : files) {
    bool program = name.starts_with(programs);
    write_file_in(program ? bin.get() : directory, name, text, program ? 0555 : 0444);
  }
}

fs::path add_toolchain(const Store& store, const EnvironmentId& environment, ToolchainFiles files) {
  files[environment_file] = environment.hex() + "\n";
  auto name = toolchain_digest(files).hex();
  auto path = store.root() / "toolchains" / name;
  if (!store.writable()) {
    if (is_whole(path, files)) return path;
    throw StoreError(
        fmt::format("toolchain: the store \"{}\" can not be written to and does not have this toolchain of the "
                    "environment {} yet: run `karapace toolchain` once where it can, or name a directory with -C",
                    escaped_utf8(store.root().native()), environment.short_hex()));
  }
  auto only_one = store.lock_output("toolchain-" + name);
  auto staging = store.stage();
  auto made = staging.path() / "made";
  make_directory(AT_FDCWD, made.c_str());
  write_toolchain_files(open_at(AT_FDCWD, made, O_RDONLY | O_DIRECTORY).get(), files);
  auto lock = store.lock_contents(LOCK_SH);
  if (::access(store.environment_path(environment).c_str(), F_OK) != 0) {
    throw NotFoundError(fmt::format("the environment {} is not built; run ninja", environment.short_hex()));
  }
  if (is_whole(path, files)) return path;
  if (::access(path.c_str(), F_OK) == 0) rename_or_throw(path, staging.path() / "damaged");
  auto directory = path.parent_path();
  make_directory(AT_FDCWD, directory.c_str());
  rename_or_throw(made, path);
  return path;
}

bool is_whole_toolchain(const Store& store, const std::string& name) {
  const auto directory = store.root() / "toolchains" / name;
  ToolchainFiles files;
  for (const auto& file : names_below(directory)) {
    auto text = read_file_if_exists(directory / file);
    if (!text) return false;
    files.emplace(file, std::move(*text));
  }
  return toolchain_digest(files).hex() == name && is_whole(directory, files);
}

std::optional<EnvironmentId> environment_of_toolchain(const Store& store, const std::string& name) {
  auto text = read_file_if_exists(store.root() / "toolchains" / name / environment_file);
  if (!text || !text->ends_with('\n')) return std::nullopt;
  return EnvironmentId::from_hex(text->substr(0, text->size() - 1));
}

}  // namespace karapace::store
