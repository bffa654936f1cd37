// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/registry_connection.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "remote/oci/json_document.hpp"

namespace karapace::oci {

namespace {

constexpr std::size_t longest_quote = 200;
constexpr std::size_t most_warnings = 20;

/// Of Docker's own registry, whose host is not the one in its references.
std::string_view host_of(std::string_view registry) noexcept {
  return registry == "docker.io" ? "registry-1.docker.io" : registry;
}

Url url_of(std::string_view scheme, std::string_view registry) {
  auto url = Url::parse(fmt::format("{}://{}/v2/", scheme, host_of(registry)));
  if (!url) throw RemoteError(fmt::format("\"{}\" is no host with or without a port", printable_word(registry)));
  return *url;
}

/// "CODE: message" of the first error, when the body has the form of the spec ("Error Codes"); else nothing: bodies of
/// proxies are pages.
std::string error_text(const Answer& answer) {
  try {
    const JsonDocument document(answer.body, "body");
    auto errors = document.root().objects("errors");
    if (errors.empty()) return {};
    auto code = errors.front().text("code").value_or("");
    auto message = errors.front().text("message").value_or("");
    auto text = message.empty() ? code : fmt::format("{}: {}", code, message);
    return fmt::format(" ({})", printable_word(text.substr(0, longest_quote)));
  } catch (const RemoteError&) {
    return {};
  }
}

/// warn-text of `299 - "…"`; of another form nothing (distribution spec, "Warnings").
std::string warning_text(std::string_view header) {
  constexpr std::string_view beginning = "299 - \"";
  if (!header.starts_with(beginning) || !header.ends_with('"') || header.size() == beginning.size()) return {};
  std::string text;
  auto quoted = header.substr(beginning.size(), header.size() - beginning.size() - 1);
  for (std::size_t at = 0; at < quoted.size(); ++at) {
    if (quoted[at] == '\\' && at + 1 < quoted.size()) ++at;
    text += quoted[at];
  }
  return printable_word(text);
}

}  // namespace

RegistryOptions registry_options(std::string_view registry, const remote::TransferOptions& transfer) {
  RegistryOptions options{.transfer = transfer};
  options.pauses.retries = transfer.retries;
  const auto& in_the_clear = transfer.http_registries;
  if (std::find(in_the_clear.begin(), in_the_clear.end(), registry) != in_the_clear.end())
    options.scheme = Scheme::http;
  return options;
}

RegistryConnection::RegistryConnection(std::string registry, std::string repository, RegistryOptions options)
    : registry_(std::move(registry)),
      repository_(std::move(repository)),
      options_(std::move(options)),
      http_(options_.transfer),
      authenticator_(http_, {registry_, repository_, options_.credential_files}, options_.pauses) {}

/// At loopback the first request asks in the clear, as most registries there speak; one that speaks TLS answers 400 to
/// that, or nothing.
Url RegistryConnection::choose_base() {
  auto https = url_of("https", registry_);
  auto http = url_of("http", registry_);
  if (options_.scheme == Scheme::http) return http;
  if (options_.scheme == Scheme::https || !https.is_loopback()) return https;
  auto answer = http_.ask({.url = http, .redirects = Redirects::within_origin});
  const bool speaks_tls = answer.status() == 400 || (answer.failure && !answer.failure->is_refused);
  return speaks_tls ? https : http;
}

Url RegistryConnection::address(std::string_view path) {
  const std::lock_guard lock(mutex_);
  if (!base_) base_ = choose_base();
  return *Url::parse(fmt::format("{}{}/{}", base_->text(), repository_, path));
}

void RegistryConnection::tell_warnings(const Answer& answer) {
  if (!options_.warn) return;
  for (const auto& header : answer.head.all("warning")) {
    auto text = warning_text(header);
    const std::lock_guard lock(mutex_);
    if (text.empty() || warnings_.size() == most_warnings || !warnings_.insert(text).second) continue;
    options_.warn(fmt::format("{} warns: {}", registry_, text));
  }
}

Answer RegistryConnection::ask(Request request, const Scopes& scopes) {
  const bool is_ours = request.url.origin() == address("").origin();
  if (is_ours) request.authorization = authenticator_.authorization(scopes);
  auto answer = http_.ask(request);
  if (answer.status() == 401 && is_ours && answer.url.origin() == request.url.origin() &&
      authenticator_.learn(answer, scopes, request.authorization)) {
    request.authorization = authenticator_.authorization(scopes);
    answer = http_.ask(request);
  }
  tell_warnings(answer);
  return answer;
}

Answer RegistryConnection::ask_patiently(const Request& request, const Scopes& scopes, std::string_view what) {
  Patience patience(options_.pauses);
  while (true) {
    auto answer = ask(request, scopes);
    if (patience.lasts(answer)) continue;
    if (answer.failure) refuse(answer, what);
    return answer;
  }
}

std::string RegistryConnection::remedy(const Answer& answer) {
  auto status = answer.status();
  if (status == 401) {
    return fmt::format("it was asked {} and wants another login: podman login {}", authenticator_.who(), registry_);
  }
  if (status == 403) return fmt::format("it was asked {}, who may not do this", authenticator_.who());
  if (status == 404) return "look whether the name is right, and whether this needs a login";
  if (status == 409)
    return "somebody else changes the same thing, or it must not be changed: try again, or take another tag";
  if (status == 413) return "it is longer than the registry, or a proxy before it, takes: raise their limits";
  if (status == 429) {
    auto wait = answer.retry_after ? fmt::format(" in {}", duration_text(*answer.retry_after)) : std::string();
    return fmt::format("it wants to be asked less often: try again{}, or log in, where that gives more", wait);
  }
  if (status >= 500) return "that is its own fault: try again later";
  return "this is not what registries answer here: look whether there is one at this address";
}

void RegistryConnection::refuse(const Answer& answer, std::string_view what) {
  if (!answer.failure) {
    throw RemoteError(
        fmt::format("{}: {} answers HTTP {}{}; {}", what, name(), answer.status(), error_text(answer), remedy(answer)));
  }
  throw RemoteError(
      fmt::format("{}: {}: {}; {}", what, name(), answer.failure->reason,
                  answer.failure->is_distrust
                      ? "the certificate is not trusted: name the authority that signed it in ca_info, or SSL_CERT_FILE"
                      : "check the network and the address of the registry, then try again"));
}

void RegistryConnection::refuse(std::string_view reason, std::string_view what) const {
  throw RemoteError(fmt::format("{}: {} {}", what, name(), reason));
}

}  // namespace karapace::oci
