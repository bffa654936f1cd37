// SPDX-License-Identifier: Apache-2.0
// SignedArchive: a real apt repository with real keys and packages, made by gpg, dpkg-deb and apt-ftparchive.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace karapace::testing {

struct KeyForm {
  std::string algorithm = "ed25519";
  std::string made = {};  // "20200101T000000": gpg believes that it is then; empty: now
  std::string expires = "0";
};

/// A keyring of its own with one secret key per name.
class Keys {
 public:
  explicit Keys(std::filesystem::path home);
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;
  ~Keys();  // ends gpg's agent

  /// Makes a key without passphrase; returns its fingerprint.
  std::string make(const std::string& name, const KeyForm& form);
  std::string make(const std::string& name) { return make(name, KeyForm{}); }
  /// One that can sign.
  void add_subkey(const std::string& fingerprint, const std::string& algorithm) const;
  /// By the certificate that gpg made with the key.
  void revoke(const std::string& fingerprint) const;
  void export_binary(const std::vector<std::string>& names, const std::filesystem::path& file) const;
  void export_armored(const std::string& name, const std::filesystem::path& file) const;
  void clearsign(const std::vector<std::string>& names, const std::filesystem::path& input,
                 const std::filesystem::path& output, const std::string& time) const;

 private:
  std::vector<std::string> gpg(std::vector<std::string> arguments) const;
  std::filesystem::path home_;
};

struct TestPackage {
  std::string name;
  std::string version = "1.0";
  std::string architecture = "all";
  std::string fields = {};  // more control lines, each with its line end
};

struct TestSuite {
  std::string name = "sid";
  std::string component = "main";
  std::vector<std::string> empty_components = {};
  std::vector<std::string> architectures = {"amd64"};
  std::vector<std::string> signers = {"archive"};
  std::string signed_at = {};                      // as KeyForm::made
  std::string date = {};                           // RFC 2822; empty: now
  std::string valid_until = {};                    // RFC 2822; empty: not said
  std::optional<std::string> suite_field = {};     // Suite; absent: the name; empty: not said
  std::optional<std::string> codename_field = {};  // Codename, likewise
  std::string more_fields = {};                    // of Release, each with its line end
  std::string more_stanzas = {};                   // of Packages, each with an empty line after it
};

class SignedArchive {
 public:
  SignedArchive(std::filesystem::path root, const Keys& keys);
  /// Builds the package into pool/ of this suite.
  void add(const TestSuite& suite, const TestPackage& package);
  void remove(const TestSuite& suite, const std::string& package_and_version);
  /// Writes Packages, Release and InRelease of what was added.
  void publish(const TestSuite& suite);
  std::filesystem::path release(const TestSuite& suite) const;
  std::filesystem::path in_release(const TestSuite& suite) const;
  std::string url() const { return "file://" + root_.string(); }
  const std::filesystem::path& root() const noexcept { return root_; }

 private:
  std::filesystem::path pool(const TestSuite& suite) const;
  void write_index(const TestSuite& suite, const std::string& architecture) const;
  void write_release(const TestSuite& suite) const;

  std::filesystem::path root_;
  const Keys& keys_;
};

void write_text(const std::filesystem::path& path, const std::string& text);

}  // namespace karapace::testing
