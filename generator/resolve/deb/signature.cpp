// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/signature.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "generator/resolve/deb/control_fields.hpp"

namespace karapace::resolve_deb {
namespace {

/// What gpgv says about one signature, from NEWSIG to NEWSIG.
struct Verdict {
  bool good = false;
  bool refused = false;
  std::string fingerprint;
};

/// Hash algorithm numbers of RFC 9580, section 9.5, that no longer vouch for anything.
bool weak_hash(std::string_view number) { return number == "1" || number == "2" || number == "3"; }

void read_status_line(std::string_view line, std::vector<Verdict>& verdicts) {
  const auto fields = words(line);
  if (fields.size() < 2 || fields[0] != "[GNUPG:]") return;
  if (fields[1] == "NEWSIG") verdicts.emplace_back();
  if (verdicts.empty()) return;
  Verdict& verdict = verdicts.back();
  if (fields[1] == "GOODSIG") verdict.good = true;
  for (const std::string_view bad : {"BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG"}) {
    if (fields[1] == bad) verdict.refused = true;
  }
  // VALIDSIG fingerprint date time expires version reserved key-algorithm hash-algorithm class primary-fingerprint
  if (fields[1] != "VALIDSIG" || fields.size() < 12) return;
  verdict.fingerprint = fields[11];
  if (weak_hash(fields[9])) verdict.refused = true;
}

/// What made gpgv refuse, for people.
std::string reason(std::string_view status) {
  for (const auto& [word, text] : std::array<std::pair<std::string_view, std::string_view>, 6>{
           {{"BADSIG", "the signature does not match the contents"},
            {"EXPKEYSIG", "the signing key has expired"},
            {"REVKEYSIG", "the signing key was revoked"},
            {"EXPSIG", "the signature has expired"},
            {"NO_PUBKEY", "it is signed by a key that is not in the keyring"},
            {"NODATA", "it carries no signature"}}}) {
    if (status.find(fmt::format("[GNUPG:] {}", word)) != std::string_view::npos) return std::string(text);
  }
  return "no valid signature was found";
}

struct Pipe {
  Fd read;
  Fd write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw Error(errno_message("lock: cannot create a pipe", errno));
  return {Fd(ends[0]), Fd(ends[1])};
}

/// Runs gpgv; its status lines come back. Its own chatter goes to /dev/null: the status lines say it better.
std::string run_gpgv(std::vector<std::string> arguments, const std::filesystem::path& home) {
  Pipe status = make_pipe();
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, status.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  std::string home_variable = "GNUPGHOME=" + home.string();
  std::string path_variable = "PATH=/usr/local/bin:/usr/bin:/bin";
  std::array<char*, 3> variables{home_variable.data(), path_variable.data(), nullptr};
  pid_t child = 0;
  const int error = posix_spawnp(&child, "gpgv", &actions, nullptr, pointers.data(), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw Error(errno_message("lock: cannot run gpgv (install the package gpgv)", error));
  status.write.reset();
  std::string lines = read_all(status.read.get(), "gpgv's status lines");
  int exit_status = 0;
  while (waitpid(child, &exit_status, 0) < 0 && errno == EINTR) {
  }
  return lines;
}

}  // namespace

std::vector<std::string> valid_signers(std::string_view status) {
  std::vector<Verdict> verdicts;
  while (!status.empty()) {
    const auto end = status.find('\n');
    read_status_line(status.substr(0, end), verdicts);
    status.remove_prefix(end == std::string_view::npos ? status.size() : end + 1);
  }
  std::vector<std::string> signers;
  for (const auto& verdict : verdicts) {
    if (verdict.good && !verdict.refused && !verdict.fingerprint.empty()) signers.push_back(verdict.fingerprint);
  }
  std::sort(signers.begin(), signers.end());
  signers.erase(std::unique(signers.begin(), signers.end()), signers.end());
  return signers;
}

SignedText verify(const ReleaseFiles& files, const std::filesystem::path& keyring, const std::filesystem::path& work,
                  std::string_view prefix) {
  const auto output = work / "signed-text";
  remove_tree(output);
  std::vector<std::string> arguments{"gpgv", "--status-fd", "1", "--keyring", keyring.string()};
  const bool detached = !files.signature.empty();
  if (detached) {
    arguments.push_back(files.signature.string());
  } else {
    arguments.insert(arguments.end(), {"--output", output.string()});
  }
  arguments.push_back(files.release.string());
  const std::string status = run_gpgv(std::move(arguments), work);
  SignedText result{.text = {}, .signers = valid_signers(status)};
  if (result.signers.empty()) {
    throw LockError(fmt::format("{}the signature of its Release file is not valid: {}; use another mirror, or check "
                                "that its keyring is the right one",
                                prefix, reason(status)));
  }
  result.text = read_file(detached ? files.release : output);
  return result;
}

}  // namespace karapace::resolve_deb
