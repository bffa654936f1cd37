// SPDX-License-Identifier: Apache-2.0
#include "store/pins.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"

namespace karapace::store {

namespace {

constexpr const char* directory_name = ".pins";
/// The inputs of a step are one file: there may be hundreds.
constexpr std::string_view inputs_name = "inputs";

std::filesystem::path pins_directory(const std::filesystem::path& staging) {
  auto directory = staging / directory_name;
  make_directory_if_missing(directory, 0700);
  return directory;
}

void make_pin(const std::filesystem::path& staging, std::string_view kind, std::string_view name) {
  open_at(AT_FDCWD, pins_directory(staging) / fmt::format("{}-{}", kind, name), O_WRONLY | O_CREAT, 0600);
}

template <class Id>
void take(std::string_view name, std::string_view kind, std::set<Id>& ids) {
  if (!name.starts_with(kind)) return;
  if (auto id = Id::from_hex(name.substr(kind.size()))) ids.insert(*id);
}

void read_inputs(const std::filesystem::path& path, std::set<StepKey>& steps) {
  auto text = read_file_if_exists(path).value_or("");
  constexpr std::size_t line = 2 * Digest::size + 1;
  for (std::size_t i = 0; i + line <= text.size(); i += line) {
    if (auto key = StepKey::from_hex(std::string_view(text).substr(i, line - 1))) steps.insert(*key);
  }
}

bool in_use(const std::filesystem::path& staging) {
  struct stat status{};
  if (::lstat(staging.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  auto fd = open_if_exists(AT_FDCWD, staging, O_RDONLY | O_DIRECTORY);
  return fd && ::flock(fd->get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace

void pin(const std::filesystem::path& staging_root, const std::filesystem::path& inside, std::string_view kind,
         std::string_view name) {
  auto below = inside.lexically_relative(staging_root);
  if (below.empty() || *below.begin() == ".." || *below.begin() == ".") return;
  make_pin(staging_root / *below.begin(), kind, name);
}

void pin_step(const std::filesystem::path& staging, const Step& step) {
  make_pin(staging, "making", step.key().hex());
  if (step.inputs.empty()) return;
  std::string text;
  for (const auto& input : step.inputs) text += input.hex() + '\n';
  write_file_atomically(pins_directory(staging) / inputs_name, text, Durable::no, 0600);
}

std::optional<StepKey> step_made_in(const std::filesystem::path& staging) {
  std::set<StepKey> made;
  for (const auto& name : names_in(staging / directory_name)) take(name, "making-", made);
  return made.empty() ? std::nullopt : std::optional(*made.begin());
}

Pins read_pins(const std::filesystem::path& staging_root) {
  Pins pins;
  for (const auto& name : names_in(staging_root)) {
    auto staging = staging_root / name;
    if (!in_use(staging)) continue;
    for (const auto& pinned : names_in(staging / directory_name)) {
      if (pinned == inputs_name) read_inputs(staging / directory_name / pinned, pins.steps);
      take(pinned, "making-", pins.making);
      take(pinned, "blobs-", pins.blobs);
      take(pinned, "layers-", pins.layers);
    }
  }
  return pins;
}

}  // namespace karapace::store
