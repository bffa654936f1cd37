// SPDX-License-Identifier: Apache-2.0
// One thing that the probe tries inside a sandbox, and what came of it.
//
// An attempt is judged by its effect where one can be seen: a secret that was read, bytes that were written, a process
// that noticed. Only where nothing can be seen does the error number decide. Each attempt runs in a child of its own,
// so it may crash, hang or change its own process as it likes; what it changes elsewhere it puts back.
//
// Adding one: a row in the fitting file of this directory, and a line in expected.txt.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace karapace::probe {

enum class Result {
  refused,    // the kernel or the sandbox said no
  absent,     // what was to be reached does not exist here
  contained,  // it worked, and touched or showed nothing but the sandbox itself
  allowed,    // it had its effect on something that is not the sandbox's own
  invalid,    // the kernel found the call malformed: the attempt proves nothing
};

struct Outcome {
  Result result = Result::invalid;
  std::string detail;
};

/// What the runner knows of the host: NAME=VALUE words of the command line (run.py tells which).
class Facts {
 public:
  void add(std::string_view word);
  /// Ends the attempt when the runner did not tell it.
  const std::string& at(const std::string& name) const;
  bool has(const std::string& name) const { return values_.contains(name); }
  int number(const std::string& name) const { return std::stoi(at(name)); }
  /// The text of every canary. It comes reversed, so that the probe's own command line does not hold it.
  std::string secret() const;

 private:
  std::map<std::string, std::string> values_;
};

struct Attempt {
  std::string name;  // family.what
  std::function<Outcome(const Facts&)> run;
};

using Attempts = std::vector<Attempt>;

// Every family, in the order in which they run.
Attempts process_one_attempts();
Attempts process_attempts();
Attempts terminal_attempts();
Attempts stream_attempts();
Attempts mount_attempts();
Attempts mask_attempts();
Attempts namespace_attempts();
Attempts capability_attempts();
Attempts system_call_attempts();
Attempts foreign_call_attempts();
Attempts socket_attempts();
Attempts network_attempts();
Attempts ipc_attempts();
Attempts device_attempts();
Attempts file_attempts();
Attempts control_file_attempts();
Attempts secret_attempts();

std::string_view text(Result result);
/// A path as part of an attempt's name: "net/tun" is net-tun.
std::string label(std::string path);

Outcome allowed(std::string detail = {});
Outcome contained(std::string detail = {});
/// By errno.
Outcome failed();
/// A call whose success is the effect.
Outcome judged(long result);
/// A call whose success touches the sandbox only.
Outcome judged_as_own(long result);
/// A call with arguments that the kernel itself would find wrong: reaching the kernel is already too far.
Outcome judged_by_filter(long result);

/// The beginning of a file, at most `most` bytes; nullopt-like: `ok` is false and errno tells why.
struct Text {
  bool ok = false;
  std::string bytes;
};
Text read_text(const std::string& path, std::size_t most = 1 << 20);

/// allowed: it can be read and has bytes; contained: it can be read and is empty.
Outcome read_attempt(const std::string& path);
/// allowed: the file holds `needle`; contained: it can be read and does not.
Outcome search_attempt(const std::string& path, const std::string& needle);
/// allowed: the file takes the bytes that it has already. Nothing is changed.
Outcome rewrite_attempt(const std::string& path);
/// allowed: the directory shows entries; contained: it is empty.
Outcome list_attempt(const std::string& path);
std::vector<std::string> names_in(const std::string& directory);

/// Whether there is no interface but `lo`: then the network namespace is the sandbox's.
bool has_own_network();

/// allowed: below this directory the host's canary file can be read, whatever it takes to climb there.
Outcome climb_attempt(int directory, const Facts& facts);

}  // namespace karapace::probe
