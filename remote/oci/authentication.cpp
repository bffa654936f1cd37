// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/authentication.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "remote/oci/json_document.hpp"

namespace karapace::oci {

namespace {

/// Of a token whose service does not say how long it is good ("Token Authentication": at least 60 seconds).
constexpr std::uint64_t usual_lifetime_seconds = 60;
constexpr std::uint64_t longest_lifetime_seconds = 3600;
/// So much before its end a token is not sent any more: an upload may have to wait for its turn.
constexpr std::chrono::seconds margin{10};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (auto& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

bool is_alphanumeric(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_token_character(char c) noexcept {
  return is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool is_token68_character(char c) noexcept {
  return is_alphanumeric(c) || std::string_view("-._~+/").find(c) != std::string_view::npos;
}

/// challenge = scheme [ 1*SP ( token68 / #( token "=" ( token / quoted-string ) ) ) ], joined by commas, as the
/// parameters are.
class ChallengeParser {
 public:
  explicit ChallengeParser(std::string_view text) : left_(text) {}

  std::optional<std::vector<Challenge>> parse() {
    std::vector<Challenge> challenges;
    while (skip(" \t,"), !left_.empty()) {
      auto name = lower_case(pass(is_token_character));
      if (name.empty()) return std::nullopt;
      const bool has_space = skip(" \t");
      if (!left_.starts_with('=')) {
        challenges.push_back({name, {}});
        if (has_space) skip_token68();
        continue;
      }
      left_.remove_prefix(1);
      auto value = take_value();
      if (challenges.empty() || !value) return std::nullopt;
      challenges.back().parameters.emplace(name, *value);
    }
    return challenges;
  }

 private:
  bool skip(std::string_view characters) {
    auto end = std::min(left_.find_first_not_of(characters), left_.size());
    left_.remove_prefix(end);
    return end > 0;
  }

  template <class Belongs>
  std::string_view pass(Belongs belongs) {
    auto end = static_cast<std::size_t>(std::find_if_not(left_.begin(), left_.end(), belongs) - left_.begin());
    auto passed = left_.substr(0, end);
    left_.remove_prefix(end);
    return passed;
  }

  /// It means nothing to us; but what follows does.
  void skip_token68() {
    auto before = left_;
    auto text = pass(is_token68_character);
    skip("=");
    skip(" \t");
    if (text.empty() || (!left_.empty() && left_.front() != ',')) left_ = before;
  }

  std::optional<std::string> take_value() {
    skip(" \t");
    if (left_.starts_with('"')) return take_quoted();
    auto value = std::string(pass(is_token_character));
    if (value.empty()) return std::nullopt;
    return value;
  }

  std::optional<std::string> take_quoted() {
    std::string value;
    for (std::size_t at = 1; at < left_.size(); ++at) {
      if (left_[at] == '"') {
        left_.remove_prefix(at + 1);
        return value;
      }
      if (left_[at] == '\\' && ++at == left_.size()) break;
      value += left_[at];
    }
    return std::nullopt;
  }

  std::string_view left_;
};

std::vector<Challenge> challenges_of(const Answer& answer) {
  std::vector<Challenge> all;
  for (const auto& header : answer.head.all("www-authenticate")) {
    auto parsed = parse_challenges(header);
    if (parsed) all.insert(all.end(), parsed->begin(), parsed->end());
  }
  return all;
}

const Challenge* find(const std::vector<Challenge>& challenges, std::string_view scheme) {
  auto found = std::find_if(challenges.begin(), challenges.end(), [&](const auto& c) { return c.scheme == scheme; });
  return found == challenges.end() ? nullptr : &*found;
}

std::string parameter(const Challenge& challenge, const std::string& name) {
  auto found = challenge.parameters.find(name);
  return found == challenge.parameters.end() ? std::string() : found->second;
}

/// A challenge names its scopes in one parameter, separated by spaces.
Scopes scopes_of(const Challenge& challenge) {
  Scopes scopes;
  auto left = parameter(challenge, "scope");
  while (!left.empty()) {
    auto space = std::min(left.find(' '), left.size());
    if (space > 0) scopes.push_back(left.substr(0, space));
    left.erase(0, space + 1);
  }
  return scopes;
}

/// application/x-www-form-urlencoded, by way of a query.
std::string form(const std::vector<std::pair<std::string, std::string>>& fields) {
  auto url = *Url::parse("http://localhost/");
  for (const auto& [name, value] : fields) url = url.with_query(name, value);
  return url.text().substr(url.text().find('?') + 1);
}

}  // namespace

std::optional<std::vector<Challenge>> parse_challenges(std::string_view header) {
  return ChallengeParser(header).parse();
}

Scopes pull_scope(std::string_view repository) { return {fmt::format("repository:{}:pull", repository)}; }
Scopes push_scope(std::string_view repository) { return {fmt::format("repository:{}:pull,push", repository)}; }
Scopes delete_scope(std::string_view repository) { return {fmt::format("repository:{}:pull,delete", repository)}; }

void Authenticator::refuse(std::string_view reason) {
  throw RemoteError(fmt::format("log in to {}: {}", identity_.registry, reason));
}

const std::optional<Credentials>& Authenticator::credentials() {
  if (!std::exchange(has_looked_, true)) {
    credentials_ = find_credentials(identity_.credential_files, identity_.registry, identity_.repository);
  }
  return credentials_;
}

std::string Authenticator::describe_credentials() {
  const auto& known = credentials();
  if (!known) return "without credentials";
  return fmt::format("as {} of \"{}\"", known->user.empty() ? "the token" : printable_word(known->user), known->source);
}

std::string Authenticator::who() {
  const std::lock_guard lock(mutex_);
  return describe_credentials();
}

std::optional<std::string> Authenticator::basic() {
  const auto& known = credentials();
  if (!known || known->user.empty()) return std::nullopt;
  return "Basic " + base64(known->user + ':' + known->password);
}

std::optional<std::string> Authenticator::authorization(const Scopes& scopes) {
  const std::lock_guard lock(mutex_);
  if (service_) return "Bearer " + token(scopes, scopes).text;
  if (is_basic_) return basic();
  return std::nullopt;
}

bool Authenticator::learn(const Answer& answer, const Scopes& scopes, const std::optional<std::string>& sent) {
  const std::lock_guard lock(mutex_);
  auto challenges = challenges_of(answer);
  if (const auto* bearer = find(challenges, "bearer")) {
    learn_service(*bearer, answer.url);
    auto known = tokens_.find(scopes);
    // Another thread may have got a new one meanwhile.
    if (known != tokens_.end() && sent == "Bearer " + known->second.text) tokens_.erase(known);
    auto wanted = scopes_of(*bearer);
    return sent != "Bearer " + token(scopes, wanted.empty() ? scopes : wanted).text;
  }
  if (find(challenges, "basic") != nullptr) {
    is_basic_ = true;
    if (!basic())
      refuse(fmt::format("it wants a user and a password; podman login {0}, or docker login {0}", identity_.registry));
    return sent != basic();
  }
  refuse(challenges.empty() ? "it answers 401 without a challenge that can be read"
                            : fmt::format("it wants \"{}\", and only Bearer and Basic are understood",
                                          printable_word(challenges.front().scheme)));
}

void Authenticator::learn_service(const Challenge& challenge, const Url& registry) {
  auto text = parameter(challenge, "realm");
  auto realm = Url::parse(text);
  if (!realm) refuse(fmt::format("its challenge has \"{}\" for the address of a token service", printable_word(text)));
  const bool is_as_open_as_registry = !registry.is_https() && realm->host() == registry.host();
  if (!realm->is_https() && !realm->is_loopback() && !is_as_open_as_registry) {
    refuse(fmt::format("its token service {} would have the credentials in the clear", realm->origin()));
  }
  service_ = Service{*realm, parameter(challenge, "service")};
}

const Authenticator::Token& Authenticator::token(const Scopes& key, const Scopes& scopes) {
  auto known = tokens_.find(key);
  if (known != tokens_.end() && known->second.expiry > std::chrono::steady_clock::now()) return known->second;
  return tokens_.insert_or_assign(key, request_token(scopes)).first->second;
}

/// GET with Basic, or with nothing for what everybody may have; POST with an identity token.
Request Authenticator::token_request(const Scopes& scopes) {
  const auto& known = credentials();
  Request request{.url = service_->realm, .redirects = Redirects::within_origin};
  if (known && !known->identity_token.empty()) {
    request.method = Method::post;
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = RequestBody{BlobSource::of_bytes(form({{"grant_type", "refresh_token"},
                                                          {"service", service_->name},
                                                          {"client_id", "karapace"},
                                                          {"scope", fmt::format("{}", fmt::join(scopes, " "))},
                                                          {"refresh_token", known->identity_token}}))};
    return request;
  }
  if (!service_->name.empty()) request.url = request.url.with_query("service", service_->name);
  for (const auto& scope : scopes) request.url = request.url.with_query("scope", scope);
  request.authorization = basic();
  return request;
}

Authenticator::Token Authenticator::request_token(const Scopes& scopes) {
  Patience patience(pauses_);
  const auto request = token_request(scopes);
  auto answer = http_.ask(request);
  while (patience.lasts(answer)) answer = http_.ask(request);
  auto service = service_->realm.origin();
  if (answer.failure) refuse(fmt::format("its token service {}: {}", service, answer.failure->reason));
  if (answer.status() == 401 || answer.status() == 403 || answer.status() == 400) {
    refuse(fmt::format("its token service {} gives no token for {} {} (HTTP {}); podman login {}", service,
                       fmt::join(scopes, " "), describe_credentials(), answer.status(), identity_.registry));
  }
  if (answer.status() != 200) refuse(fmt::format("its token service {} answers HTTP {}", service, answer.status()));
  const JsonDocument document(answer.body, fmt::format("the answer of {}", service));
  auto json = document.root();
  auto text = json.text("token").value_or("");
  if (text.empty()) text = json.text("access_token").value_or("");
  if (text.empty()) json.refuse("has neither \"token\" nor \"access_token\"");
  auto lifetime = std::min(json.number("expires_in").value_or(usual_lifetime_seconds), longest_lifetime_seconds);
  auto usable = std::chrono::seconds(lifetime) - std::min(margin, std::chrono::seconds(lifetime) / 2);
  return {std::move(text), std::chrono::steady_clock::now() + usable};
}

}  // namespace karapace::oci
