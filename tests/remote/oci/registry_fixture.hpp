// SPDX-License-Identifier: Apache-2.0
// Registries for one test each: faulty_registry.py, and the distribution's docker-registry where it is installed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/types.h>

#include "base/directory.hpp"
#include "remote/oci/registry.hpp"

namespace karapace::oci {

/// Another program, from its start to the end of the value.
class Server {
 public:
  explicit Server(std::vector<std::string> argv);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// The first line that it writes.
  std::string line() const;
  void kill();

 private:
  pid_t process_ = -1;
  int in_ = -1;
  int out_ = -1;
};

class FaultyRegistry {
 public:
  FaultyRegistry();
  /// One that speaks TLS, with a certificate for 127.0.0.1 that it signs itself.
  FaultyRegistry(const std::filesystem::path& certificate, const std::filesystem::path& key);
  std::string host() const { return "127.0.0.1:" + port_; }
  std::string storage() const { return storage_; }
  const std::string& port() const { return port_; }
  /// JSON, as faulty_registry.py has it.
  void set(const std::string& json) { control("set", json); }
  void fault(const std::string& json) { control("fault", json); }
  void mend() { control("mend", "{}"); }
  void forget_tokens() { control("forget", "{}"); }
  /// Lines "PORT METHOD PATH AUTHORIZATION RANGE STATUS".
  std::vector<std::string> requests();
  /// Those that have all of `words` in them.
  std::size_t count(const std::vector<std::string>& words);

 private:
  explicit FaultyRegistry(std::vector<std::string> argv);
  std::string control(const std::string& what, const std::string& json);
  Server server_;
  std::optional<std::filesystem::path> certificate_;
  std::string port_;
  std::string storage_;
};

/// Makes such a certificate and its key; false where openssl(1) is not installed.
bool make_certificate(const std::filesystem::path& certificate, const std::filesystem::path& key);

/// docker-registry on a free port of loopback, with its data in a directory that may outlive it.
class DockerRegistry {
 public:
  static bool is_installed();
  /// `settings`: lines of YAML at the top of its configuration.
  explicit DockerRegistry(const std::filesystem::path& directory, const std::string& settings = {});
  const std::string& host() const { return host_; }
  void kill() { server_->kill(); }
  /// Where it was, after `kill`.
  void start();

 private:
  std::filesystem::path configuration_;
  std::string host_;
  std::optional<Server> server_;
};

class RegistryTest : public testing::Test {
 protected:
  RegistryOptions options() const;
  Registry registry(const std::string& host, const std::string& repository = "team/dev") const {
    return {host, repository, options()};
  }
  /// A new file in `directory_`.
  std::filesystem::path file(const std::string& name, std::string_view bytes) const;
  /// What is thrown, as text.
  template <class Action>
  static std::string refusal(Action action) {
    try {
      action();
    } catch (const std::exception& error) {
      return error.what();
    }
    return "nothing was refused";
  }

  TemporaryDirectory directory_{"karapace-oci"};
};

/// An image of two layers, and its parts.
struct SampleImage {
  std::string config;
  std::vector<std::string> layers;
  ImageManifest image;
  Manifest manifest;
};
/// `seed` is in its bytes. Layers are tar archives.
SampleImage sample_image(const std::string& seed = "sample");
void push(ImageRepository& repository, const SampleImage& image, const std::optional<Tag>& tag);
NewBlob new_blob(const std::string& bytes, std::string_view type = media_type::layer_tar);
std::string read(ImageRepository& repository, const Descriptor& blob);
/// Bytes that do not compress.
std::string random_like(std::size_t size);
inline Tag tag(std::string_view text) { return *Tag::parse(text); }

/// With a registry that has faults on demand, and a blob of 3 MB.
class FaultyRegistryTest : public RegistryTest {
 protected:
  Registry open(const std::string& repository = "team/dev") const { return registry(server_.host(), repository); }
  /// Writes such credentials to the file that is read.
  void log_in(const std::string& user = "ann", const std::string& password = "secret") const;

  FaultyRegistry server_;
  std::string bytes_ = random_like(3'000'000);
  Descriptor blob_ = describe(media_type::layer_tar, bytes_);
};

}  // namespace karapace::oci
