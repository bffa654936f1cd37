// SPDX-License-Identifier: Apache-2.0
// Authentication: what to say to a registry that answers 401.
//
// It is outside the distribution spec; what registries do is docker's: a Bearer token of a service that the challenge
// names (docs.docker.com, "Token Authentication"; its OAuth 2 form for identity tokens), or Basic (RFC 7617). Tokens
// are kept per scope until they expire. Credentials go to the registry, and to the service that it names over https; in
// the clear to loopback only, or where the registry itself is spoken to in the clear by configuration.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "remote/oci/credentials.hpp"
#include "remote/oci/http_client.hpp"
#include "remote/oci/patience.hpp"
#include "remote/oci/url.hpp"

namespace karapace::oci {

/// One of a WWW-Authenticate header (RFC 9110, 11.6.1). Names are in lower case.
struct Challenge {
  std::string scheme;
  std::map<std::string, std::string> parameters;
};
/// Nothing when it is not well-formed. Several may stand in one header.
std::optional<std::vector<Challenge>> parse_challenges(std::string_view header);

/// What a request needs: "repository:team/dev:pull,push", and one more for a mount.
using Scopes = std::vector<std::string>;
Scopes pull_scope(std::string_view repository);
Scopes push_scope(std::string_view repository);
Scopes delete_scope(std::string_view repository);

class Authenticator {
 public:
  struct Identity {
    std::string registry;    // as in references
    std::string repository;  // whose credentials count
    std::vector<std::filesystem::path> credential_files;
  };
  Authenticator(HttpClient& http, Identity identity, const Pauses& pauses)
      : http_(http), identity_(std::move(identity)), pauses_(pauses) {}

  /// The Authorization for a request, once the registry has asked for any; a token is got when none is at hand.
  std::optional<std::string> authorization(const Scopes& scopes);
  /// Learns from the challenge in `answer`, which has status 401, and gets what it asks for; a token that was sent is
  /// not used again. RemoteError when there is no way to log in: no credentials, wrong ones, nothing that is
  /// understood. False when `sent` is what would be sent again.
  bool learn(const Answer& answer, const Scopes& scopes, const std::optional<std::string>& sent);
  /// For messages: "as NAME of FILE", or "without credentials".
  std::string who();

 private:
  struct Token {
    std::string text;
    std::chrono::steady_clock::time_point expiry;
  };
  struct Service {
    Url realm;
    std::string name;
  };

  const std::optional<Credentials>& credentials();
  std::string describe_credentials();
  std::optional<std::string> basic();
  const Token& token(const Scopes& key, const Scopes& scopes);
  Token request_token(const Scopes& scopes);
  Request token_request(const Scopes& scopes);
  void learn_service(const Challenge& challenge, const Url& registry);
  [[noreturn]] void refuse(std::string_view reason);

  HttpClient& http_;
  Identity identity_;
  Pauses pauses_;
  std::mutex mutex_;
  bool has_looked_ = false;
  std::optional<Credentials> credentials_;
  bool is_basic_ = false;
  std::optional<Service> service_;
  std::map<Scopes, Token> tokens_;
};

}  // namespace karapace::oci
