// SPDX-License-Identifier: Apache-2.0
// RegistryConnection: one repository of a registry, spoken to with everything that any request needs: the right scheme,
// a login when it is asked for, patience, and errors that say what to do.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "remote/oci/authentication.hpp"
#include "remote/oci/credentials.hpp"
#include "remote/oci/http_client.hpp"
#include "remote/oci/patience.hpp"
#include "remote/sources.hpp"

namespace karapace::oci {

enum class Scheme {
  automatic,  // https; at loopback http where that is what is spoken there
  https,
  http,  // only where the user's configuration says so: everybody on the way reads and changes what is sent
};

struct RegistryOptions {
  remote::TransferOptions transfer = {};
  Scheme scheme = Scheme::automatic;
  std::vector<std::filesystem::path> credential_files = oci::credential_files();
  Pauses pauses = {};
  /// Is told what the registry warns of (distribution spec, "Warnings"), each text once.
  std::function<void(std::string_view)> warn = {};
};

/// As the user's configuration has them for the registry of this name.
RegistryOptions registry_options(std::string_view registry, const remote::TransferOptions& transfer);

class RegistryConnection {
 public:
  RegistryConnection(std::string registry, std::string repository, RegistryOptions options);

  /// "registry.example/team/dev"
  std::string name() const { return registry_ + '/' + repository_; }
  const std::string& repository() const noexcept { return repository_; }
  const RegistryOptions& options() const noexcept { return options_; }
  /// Of this repository: "manifests/latest" is <scheme>://<registry>/v2/<repository>/manifests/latest.
  Url address(std::string_view path);

  /// One answer, whatever it is, after logging in where that is asked for.
  Answer ask(Request request, const Scopes& scopes);
  /// The same with patience. RemoteError when there is no answer; `what` is the operation, for messages.
  Answer ask_patiently(const Request& request, const Scopes& scopes, std::string_view what);
  /// Throws RemoteError: "WHAT: NAME answers HTTP 403 (DENIED: …); remedy".
  [[noreturn]] void refuse(const Answer& answer, std::string_view what);
  /// For what it answered that is not as it should be.
  [[noreturn]] void refuse(std::string_view reason, std::string_view what) const;

  Scopes pulling() const { return pull_scope(repository_); }
  Scopes pushing() const { return push_scope(repository_); }
  Scopes deleting() const { return delete_scope(repository_); }

 private:
  Url choose_base();
  void tell_warnings(const Answer& answer);
  std::string remedy(const Answer& answer);

  std::string registry_;
  std::string repository_;
  RegistryOptions options_;
  HttpClient http_;
  Authenticator authenticator_;
  std::mutex mutex_;
  std::optional<Url> base_;
  std::set<std::string> warnings_;
};

}  // namespace karapace::oci
