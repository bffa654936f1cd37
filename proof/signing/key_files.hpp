// SPDX-License-Identifier: Apache-2.0
// Key files: `NAME.key`, which is its owner's alone, and `NAME.pub`, one line of text to be given away.
//
//   karapace-ed25519 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= alice
//   karapace-ed25519-secret nWGxne/9WmC6hEr0kuwsxERJxXN7MmkZcDusAxyuf2A= alice
//
// A secret key is made once and never overwritten: what it signed could not be signed again.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "proof/signing/ed25519.hpp"
#include "proof/signing/trust.hpp"

namespace karapace::signing {

/// A public key as one line, without its newline.
std::string text(const NamedKey& key);
/// Strict inverse; white space at the ends and a missing name (then it is the key's id) are no matter: people paste it.
/// Error naming `what` when it is no public key, and when it is a secret one.
NamedKey parse_public_key(std::string_view text, std::string_view what);

/// UsageError unless it can name files: letters, digits, ".", "_" and "-", of which the first is a letter or a digit,
/// at most 64.
void require_key_name(std::string_view name);

struct KeyPair {
  NamedKey public_key;
  std::filesystem::path secret_file;  // NAME.key
  std::filesystem::path public_file;  // NAME.pub
};
/// Makes both files in the directory (made, mode 0700, when there is none), forced to the disk. Error when one of that
/// name exists: nothing is ever overwritten.
KeyPair make_key(const std::filesystem::path& directory, const std::string& name);

struct KeyFile {
  NamedKey key;
  bool has_secret = false;     // NAME.key is there, too
  std::filesystem::path file;  // NAME.pub
};
struct KeyFiles {
  std::vector<KeyFile> keys;          // by name
  std::vector<std::string> problems;  // sentences: files that are no keys
};
/// What is in the directory; nothing when there is none.
KeyFiles find_keys(const std::filesystem::path& directory);

/// A public key by what a person wrote: a path (with a "/"), or the name of one in the directory. NotFoundError that
/// tells the names there are.
KeyFile find_public_key_file(const std::filesystem::path& directory, std::string_view word);
/// The same, or the line itself.
NamedKey find_public_key(const std::filesystem::path& directory, std::string_view word);
/// The secret key of that name, or at that path. Error when others than its owner may read it.
SecretKey read_secret_key(const std::filesystem::path& directory, std::string_view word);

}  // namespace karapace::signing
