// SPDX-License-Identifier: Apache-2.0
#include "proof/signing/key_files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.hpp"
#include "base/call_error.hpp"
#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "base/words.hpp"

namespace karapace::signing {

namespace {

constexpr std::string_view public_word = "karapace-ed25519";
constexpr std::string_view secret_word = "karapace-ed25519-secret";
constexpr std::size_t largest_key_file = 4096;

std::string shown(const std::filesystem::path& path) { return escaped_utf8(path.native()); }

bool is_key_name(std::string_view name) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= 64 && is_alphanumeric(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

struct KeyLine {
  std::string word;
  std::string bytes;
  std::string name;
};

/// "WORD BASE64 [NAME]"
std::optional<KeyLine> parse_line(std::string_view text) {
  text = trimmed(text);
  const auto first = text.find(' ');
  if (first == text.npos) return std::nullopt;
  const auto second = text.find(' ', first + 1);
  auto bytes = from_base64(text.substr(first + 1, second == text.npos ? text.npos : second - first - 1));
  if (!bytes) return std::nullopt;
  auto name = second == text.npos ? std::string() : std::string(text.substr(second + 1));
  if (second != text.npos && !is_key_name(name)) return std::nullopt;
  return KeyLine{std::string(text.substr(0, first)), std::move(*bytes), std::move(name)};
}

std::string secret_line(const SecretKey& key, std::string_view name) {
  return fmt::format("{} {} {}\n", secret_word, base64(key.view()), name);
}

[[noreturn]] void refuse_existing(const std::filesystem::path& file) {
  throw Error(fmt::format("key: \"{}\" exists; choose another name, or move it away if nobody needs what it signed",
                          shown(file)));
}

void write_new_file(const std::filesystem::path& file, std::string_view bytes, mode_t mode) {
  std::optional<Fd> fd;
  try {
    fd = open_at(AT_FDCWD, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  } catch (const CallError& error) {
    if (error.number() == EEXIST) refuse_existing(file);
    throw;
  }
  try {
    if (::fchmod(fd->get(), mode) != 0) throw CallError(fmt::format("key: cannot protect \"{}\"", shown(file)), errno);
    write_all(fd->get(), bytes, shown(file));
    if (::fsync(fd->get()) != 0) throw CallError(fmt::format("key: cannot write \"{}\"", shown(file)), errno);
  } catch (...) {
    ::unlink(file.c_str());
    throw;
  }
}

void make_key_directory(const std::filesystem::path& directory) {
  std::error_code error;
  if (directory.has_parent_path()) std::filesystem::create_directories(directory.parent_path(), error);
  make_directory_if_missing(directory, 0700);
}

std::optional<std::string> read_small_file(const std::filesystem::path& file) {
  auto fd = open_regular(AT_FDCWD, file, Links::followed);
  if (!fd) return std::nullopt;
  return read_all(fd->get(), shown(file), largest_key_file);
}

/// Whoever can read a secret key can sign with it.
void require_secrecy(int fd, const std::filesystem::path& file) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) throw CallError(fmt::format("key: cannot look at \"{}\"", shown(file)), errno);
  if (status.st_uid != ::geteuid())
    throw Error(
        fmt::format("key: \"{}\" is another user's; make one of your own with `karapace key new`", shown(file)));
  if ((status.st_mode & 077) != 0)
    throw Error(
        fmt::format("key: others can use \"{0}\" (mode {1:04o}); if nobody has, run `chmod 600 \"{0}\"`, else "
                    "make a new key",
                    shown(file), status.st_mode & 07777));
}

[[noreturn]] void refuse_unknown(const std::filesystem::path& directory, std::string_view word, std::string_view what) {
  std::vector<std::string> known;
  for (const auto& key : find_keys(directory).keys) known.push_back(key.key.name);
  throw NotFoundError(fmt::format("key: there is no {} \"{}\" in \"{}\"; {}", what, printable_word(word),
                                  shown(directory),
                                  known.empty() ? std::string("make one with `karapace key new NAME`")
                                                : fmt::format("there are {}", fmt::join(known, ", "))));
}

bool has_secret(std::filesystem::path public_file) {
  std::error_code ignored;
  return std::filesystem::exists(public_file.replace_extension(".key"), ignored);
}

/// Who writes the ending of a file means a file.
bool is_path(std::string_view word) {
  return word.find('/') != word.npos || word.ends_with(".pub") || word.ends_with(".key");
}

}  // namespace

std::string text(const NamedKey& key) { return fmt::format("{} {} {}", public_word, base64(key.key.view()), key.name); }

NamedKey parse_public_key(std::string_view text, std::string_view what) {
  const auto line = parse_line(text);
  if (line && line->word == secret_word)
    throw Error(
        fmt::format("{}: this is a secret key, which nobody but its owner should have; give the .pub file", what));
  const auto key = line ? PublicKey::from_bytes(line->bytes) : std::nullopt;
  if (!key || line->word != public_word)
    throw Error(fmt::format("{}: this is no public key; one is a line \"{} BASE64 NAME\"", what, public_word));
  return {line->name.empty() ? key->id().hex() : line->name, *key};
}

void require_key_name(std::string_view name) {
  if (is_key_name(name)) return;
  throw UsageError(
      fmt::format("key: \"{}\" can not name a key; use letters, digits, \".\", \"_\" and \"-\", first a "
                  "letter or a digit, at most 64",
                  printable_word(name)));
}

KeyPair make_key(const std::filesystem::path& directory, const std::string& name) {
  require_key_name(name);
  make_key_directory(directory);
  KeyPair pair{{name, {}}, directory / (name + ".key"), directory / (name + ".pub")};
  if (std::filesystem::exists(std::filesystem::symlink_status(pair.public_file))) refuse_existing(pair.public_file);
  const auto key = SecretKey::generate();
  pair.public_key.key = key.public_key();
  write_new_file(pair.secret_file, secret_line(key, name), 0600);
  write_new_file(pair.public_file, text(pair.public_key) + "\n", 0644);
  sync_directory(directory);
  return pair;
}

KeyFiles find_keys(const std::filesystem::path& directory) {
  KeyFiles found;
  for (const auto& file : names_in(directory)) {
    if (!file.ends_with(".pub")) continue;
    const auto path = directory / file;
    const auto name = file.substr(0, file.size() - 4);
    try {
      const auto bytes = read_small_file(path);
      if (!bytes) continue;
      auto key = parse_public_key(*bytes, shown(path));
      key.name = name;
      found.keys.push_back({std::move(key), has_secret(path), path});
    } catch (const Error& error) {
      found.problems.emplace_back(error.what());
    }
  }
  return found;
}

KeyFile find_public_key_file(const std::filesystem::path& directory, std::string_view word) {
  if (!is_path(word)) require_key_name(word);
  const auto file = is_path(word) ? std::filesystem::path(word) : directory / (std::string(word) + ".pub");
  const auto bytes = read_small_file(file);
  if (!bytes && is_path(word)) throw NotFoundError(fmt::format("key: there is no file \"{}\"", shown(file)));
  if (!bytes) refuse_unknown(directory, word, "public key");
  auto key = parse_public_key(*bytes, shown(file));
  if (!is_path(word)) key.name = std::string(word);
  return {std::move(key), has_secret(file), file};
}

NamedKey find_public_key(const std::filesystem::path& directory, std::string_view word) {
  if (word.starts_with(public_word)) return parse_public_key(word, "key");
  return find_public_key_file(directory, word).key;
}

SecretKey read_secret_key(const std::filesystem::path& directory, std::string_view word) {
  if (!is_path(word)) require_key_name(word);
  const auto file = is_path(word) ? std::filesystem::path(word) : directory / (std::string(word) + ".key");
  const auto fd = open_regular(AT_FDCWD, file, Links::followed);
  if (!fd && is_path(word)) throw NotFoundError(fmt::format("key: there is no file \"{}\"", shown(file)));
  if (!fd) refuse_unknown(directory, word, "secret key");
  require_secrecy(fd->get(), file);
  const auto line = parse_line(read_all(fd->get(), shown(file), largest_key_file));
  auto key = line && line->word == secret_word ? SecretKey::from_bytes(line->bytes) : std::nullopt;
  if (!key) throw Error(fmt::format("key: \"{}\" is no secret key of Karapace", shown(file)));
  return std::move(*key);
}

}  // namespace karapace::signing
