// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/credentials.hpp"

#include <chrono>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

#include "base/base64.hpp"
#include "base/child.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/words.hpp"
#include "remote/oci/json_document.hpp"

namespace karapace::oci {

namespace {

constexpr std::string_view docker_hub = "docker.io";
constexpr std::string_view docker_hub_key = "https://index.docker.io/v1/";
/// Instead of a user's name: the secret is an identity token (docker-credential-helpers, "Development").
constexpr std::string_view token_user = "<token>";
constexpr std::chrono::minutes patience_with_helper{2};  // it may ask a person

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

std::string_view host_of(std::string_view key) noexcept { return key.substr(0, key.find('/')); }

/// A key of "auths" as it is compared. Docker's has a scheme, or ends in the version of an interface long gone: then
/// its host is meant. Docker's own registry has three names.
std::string normal_key(std::string_view key) {
  auto scheme = key.find("://");
  const bool is_url = scheme != key.npos;
  if (is_url) key.remove_prefix(scheme + 3);
  while (key.ends_with('/')) key.remove_suffix(1);
  const bool is_versioned = key.ends_with("/v1") || key.ends_with("/v2");
  auto host = host_of(key);
  auto path = is_url || is_versioned ? std::string_view{} : key.substr(host.size());
  const bool is_hub = host == "index.docker.io" || host == "registry-1.docker.io";
  return fmt::format("{}{}", is_hub ? docker_hub : host, path);
}

/// "user:password" in Base64; of the password a NUL at its end is no part (docker writes one).
Credentials parse_auth(const JsonObject& entry, const std::string& text) {
  auto decoded = from_base64(text);
  auto colon = decoded ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos) entry.refuse("has an \"auth\" that is not user:password in Base64");
  auto password = decoded->substr(colon + 1);
  while (password.ends_with('\0')) password.pop_back();
  return {decoded->substr(0, colon), std::move(password), {}, {}};
}

/// An entry without any of them is docker's mark that the rest is in its store.
std::optional<Credentials> parse_entry(const JsonObject& entry, const std::string& source) {
  Credentials found;
  if (auto auth = entry.text("auth"); auth && !auth->empty()) {
    found = parse_auth(entry, *auth);
  } else {
    found.user = entry.text("username").value_or("");
    found.password = entry.text("password").value_or("");
  }
  found.identity_token = entry.text("identitytoken").value_or("");
  found.source = source;
  if (found.user.empty() && found.identity_token.empty()) return std::nullopt;
  return found;
}

/// One file, asked for one repository.
class CredentialFile {
 public:
  CredentialFile(const std::filesystem::path& path, std::string_view text)
      : path_(path.string()), document_(text, fmt::format("\"{}\"", path_)) {}

  std::optional<Credentials> find(std::string_view registry, std::string_view repository) const {
    auto root = document_.root();
    for (const auto& [key, helper] : root.dictionary("credHelpers")) {
      if (normal_key(key) == registry) return ask_helper(helper, registry);
    }
    if (auto auths = root.object("auths")) {
      if (auto found = find_entry(*auths, fmt::format("{}/{}", registry, repository))) return found;
    }
    auto store = root.text("credsStore").value_or("");
    return store.empty() ? std::nullopt : ask_helper(store, registry);
  }

 private:
  std::optional<Credentials> find_entry(const JsonObject& auths, std::string_view wanted) const {
    auto names = auths.names();
    while (true) {
      for (const auto& name : names) {
        if (normal_key(name) != wanted) continue;
        if (auto found = parse_entry(*auths.object(name), path_)) return found;
      }
      auto slash = wanted.rfind('/');
      if (slash == wanted.npos) return std::nullopt;
      wanted = wanted.substr(0, slash);
    }
  }

  /// docker-credential-NAME get: the registry on standard input, JSON on standard output; no shell between us.
  std::optional<Credentials> ask_helper(const std::string& name, std::string_view registry) const {
    auto program = "docker-credential-" + name;
    if (name.find('/') != name.npos) refuse(program, "is no name of a program");
    auto asked = registry == docker_hub ? docker_hub_key : registry;
    auto end = capture_child({.argv = {program, "get"}, .patience = patience_with_helper}, fmt::format("{}\n", asked));
    // The helpers' library writes "credentials not found in native keychain" on standard output.
    if (end.status != 0 && end.output.find("credentials not found") != end.output.npos) return std::nullopt;
    if (end.status == 127) refuse(program, "is not installed");
    if (end.status == out_of_patience) refuse(program, "takes too long");
    if (end.status != 0) {
      auto said = trimmed(end.output).empty() ? trimmed(end.errors) : trimmed(end.output);
      refuse(program, fmt::format("ended with {} ({})", end.status, printable_word(said.substr(0, 200))));
    }
    return parse_answer(program, end.output);
  }

  static std::optional<Credentials> parse_answer(const std::string& program, std::string_view output) {
    const JsonDocument document(output, fmt::format("the answer of {}", program));
    auto user = document.root().required_text("Username");
    auto secret = document.root().required_text("Secret");
    if (user.empty() && secret.empty()) return std::nullopt;
    if (user == token_user) return Credentials{{}, {}, std::move(secret), program};
    return Credentials{std::move(user), std::move(secret), {}, program};
  }

  [[noreturn]] void refuse(const std::string& program, std::string_view reason) const {
    throw RemoteError(fmt::format("{}, which \"{}\" names for credentials, {}; mend it, or remove it from that file",
                                  printable_word(program), path_, reason));
  }

  std::string path_;
  JsonDocument document_;
};

}  // namespace

std::vector<std::filesystem::path> credential_files() {
  if (auto chosen = environment("REGISTRY_AUTH_FILE"); !chosen.empty()) return {chosen};
  auto home = environment("HOME");
  auto runtime = environment("XDG_RUNTIME_DIR");
  auto containers = runtime.empty() ? std::filesystem::path(fmt::format("/run/containers/{}", ::getuid()))
                                    : std::filesystem::path(runtime) / "containers";
  std::vector<std::filesystem::path> files;
  // Without a directory of the session's own it is below one that podman, run by root, makes for root alone.
  if (!runtime.empty() || ::access(containers.c_str(), X_OK) == 0) files.push_back(containers / "auth.json");
  auto below = [&](const char* variable, std::string_view at_home, std::string_view name) {
    auto directory = std::filesystem::path(environment(variable));
    if (directory.empty() && !home.empty()) directory = std::filesystem::path(home) / at_home;
    if (!directory.empty()) files.push_back(directory / name);
  };
  below("XDG_CONFIG_HOME", ".config", "containers/auth.json");
  below("DOCKER_CONFIG", ".docker", "config.json");
  return files;
}

std::optional<Credentials> find_credentials(const std::vector<std::filesystem::path>& files, std::string_view registry,
                                            std::string_view repository) {
  for (const auto& path : files) {
    auto text = read_file_if_exists(path);
    if (!text || trimmed(*text).empty()) continue;
    if (auto found = CredentialFile(path, *text).find(registry, repository)) return found;
  }
  return std::nullopt;
}

}  // namespace karapace::oci
