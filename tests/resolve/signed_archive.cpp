// SPDX-License-Identifier: Apache-2.0
#include "tests/resolve/signed_archive.hpp"

#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fd.hpp"
#include "base/file.hpp"
#include "tests/resolve/process.hpp"

namespace karapace::testing {

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

Keys::Keys(std::filesystem::path home) : home_(std::move(home)) {
  std::filesystem::create_directories(home_);
  std::filesystem::permissions(home_, std::filesystem::perms::owner_all);
}

Keys::~Keys() { run({"gpgconf", "--homedir", home_.string(), "--kill", "all"}); }

std::vector<std::string> Keys::gpg(std::vector<std::string> arguments) const {
  std::vector<std::string> words{"gpg",     "--homedir",       home_.string(), "--batch",      "--yes", "--no-tty",
                                 "--quiet", "--pinentry-mode", "loopback",     "--passphrase", ""};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

namespace {

std::vector<std::string> at_time(const std::string& time) {
  if (time.empty()) return {};
  return {"--faked-system-time", time + "!"};
}

}  // namespace

std::string Keys::make(const std::string& name, const KeyForm& form) {
  auto arguments = at_time(form.made);
  arguments.insert(arguments.end(), {"--quick-generate-key", name + " <" + name + "@example.invalid>", form.algorithm,
                                     "sign", form.expires});
  must_run(gpg(std::move(arguments)));
  std::istringstream lines(must_run(gpg({"--with-colons", "--list-keys", name + "@example.invalid"})));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("fpr:")) return line.substr(12, 40);
  }
  return {};
}

void Keys::add_subkey(const std::string& fingerprint, const std::string& algorithm) const {
  must_run(gpg({"--quick-add-key", fingerprint, algorithm, "sign", "0"}));
}

void Keys::revoke(const std::string& fingerprint) const {
  const auto file = home_ / "openpgp-revocs.d" / (fingerprint + ".rev");
  std::string text = read_file(file);
  text.erase(text.find(":-----BEGIN"), 1);  // gpg's guard against doing this by mistake
  write_text(file, text);
  must_run(gpg({"--import", file.string()}));
}

void Keys::export_binary(const std::vector<std::string>& names, const std::filesystem::path& file) const {
  std::vector<std::string> arguments{"--output", file.string(), "--export"};
  for (const auto& name : names) arguments.push_back(name + "@example.invalid");
  must_run(gpg(arguments));
}

void Keys::export_armored(const std::string& name, const std::filesystem::path& file) const {
  must_run(gpg({"--armor", "--output", file.string(), "--export", name + "@example.invalid"}));
}

void Keys::clearsign(const std::vector<std::string>& names, const std::filesystem::path& input,
                     const std::filesystem::path& output, const std::string& time) const {
  auto arguments = at_time(time);
  arguments.insert(arguments.end(), {"--output", output.string()});
  for (const auto& name : names) arguments.insert(arguments.end(), {"--local-user", name + "@example.invalid"});
  arguments.insert(arguments.end(), {"--clearsign", input.string()});
  must_run(gpg(arguments));
}

SignedArchive::SignedArchive(std::filesystem::path root, const Keys& keys) : root_(std::move(root)), keys_(keys) {}

std::filesystem::path SignedArchive::pool(const TestSuite& suite) const {
  return root_ / "pool" / suite.name / suite.component;
}

std::filesystem::path SignedArchive::release(const TestSuite& suite) const {
  return root_ / "dists" / suite.name / "Release";
}

std::filesystem::path SignedArchive::in_release(const TestSuite& suite) const {
  return root_ / "dists" / suite.name / "InRelease";
}

void SignedArchive::add(const TestSuite& suite, const TestPackage& package) {
  const auto tree = root_ / "build" / package.name;
  write_text(tree / "DEBIAN" / "control",
             fmt::format("Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: Nobody <nobody@example.invalid>\n{}"
                         "Description: a package of a test\n",
                         package.name, package.version, package.architecture, package.fields));
  std::filesystem::create_directories(pool(suite));
  const auto file = pool(suite) / fmt::format("{}_{}_{}.deb", package.name, package.version, package.architecture);
  must_run({"dpkg-deb", "-Znone", "--root-owner-group", "--build", tree.string(), file.string()});
  std::filesystem::remove_all(tree);
}

void SignedArchive::remove(const TestSuite& suite, const std::string& package_and_version) {
  for (const auto& entry : std::filesystem::directory_iterator(pool(suite))) {
    if (entry.path().filename().string().starts_with(package_and_version + "_")) {
      std::filesystem::remove(entry.path());
      return;
    }
  }
}

void SignedArchive::write_index(const TestSuite& suite, const std::string& architecture) const {
  const std::string paths = std::filesystem::relative(pool(suite), root_).string();
  std::filesystem::create_directories(pool(suite));
  // apt-ftparchive writes paths relative to the working directory: env(1) changes it.
  const std::string text = must_run({"env", "-C", root_.string(), "apt-ftparchive", "-qq", "-o",
                                     "APT::FTPArchive::AlwaysStat=true", "--arch", architecture, "packages", paths});
  write_text(root_ / "dists" / suite.name / suite.component / ("binary-" + architecture) / "Packages",
             text + suite.more_stanzas);
}

void SignedArchive::write_release(const TestSuite& suite) const {
  const auto dists = root_ / "dists" / suite.name;
  std::filesystem::remove(release(suite));
  std::filesystem::remove(in_release(suite));
  std::string text = must_run(
      {"apt-ftparchive", "-qq", "-o", "APT::FTPArchive::Release::Codename=" + suite.codename_field.value_or(suite.name),
       "-o", "APT::FTPArchive::Release::Suite=" + suite.suite_field.value_or(suite.name), "-o",
       "APT::FTPArchive::Release::Components=" + suite.component, "-o",
       fmt::format("APT::FTPArchive::Release::Architectures={}", fmt::join(suite.architectures, " ")), "release",
       dists.string()});
  if (!suite.date.empty()) {
    const auto begin = text.find("Date: ");
    text.replace(begin, text.find('\n', begin) - begin, "Date: " + suite.date);
  }
  if (!suite.valid_until.empty()) text = "Valid-Until: " + suite.valid_until + "\n" + text;
  write_text(release(suite), suite.more_fields + text);
}

void SignedArchive::publish(const TestSuite& suite) {
  for (const auto& architecture : suite.architectures) {
    write_index(suite, architecture);
    for (const auto& component : suite.empty_components) {
      write_text(root_ / "dists" / suite.name / component / ("binary-" + architecture) / "Packages", "");
    }
  }
  write_release(suite);
  if (!suite.signers.empty()) keys_.clearsign(suite.signers, release(suite), in_release(suite), suite.signed_at);
}

}  // namespace karapace::testing
