// SPDX-License-Identifier: Apache-2.0
// TransferClient: GET over http and https, streamed into a PartialFile. Another program, karapace-transfer, speaks to
// the server: one that all downloads of a build share where that can be had, else one of our own.
//
// Nothing depends on the shared one: when it ends or does not answer, what it brought is continued by our own. All that
// comes from it is judged here, and later against the digest.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "remote/partial_file.hpp"
#include "remote/shared_transfers.hpp"
#include "remote/sources.hpp"
#include "remote/transfer_program.hpp"

namespace karapace::remote {

/// What came of asking one place for bytes once.
struct Attempt {
  enum class Result {
    complete,     // the answer ended as its sender meant it to; size and digest are still to be judged
    interrupted,  // worth another try: a cut connection, a time-out, a server that is busy; the bytes so far are kept
    refused,      // asking again would give the same
  };
  Result result{};
  std::string reason;  // for people; empty when complete
};

class TransferClient {
 public:
  /// Shares with the other downloads into `store`, when one is given.
  explicit TransferClient(TransferOptions options, const std::optional<std::filesystem::path>& store = std::nullopt);

  /// Continues `file` where it ends when the server can (Range), else from its beginning. StoreError when the file
  /// can not be written, RemoteError when karapace-transfer can not be run.
  Attempt get(const std::string& url, PartialFile& file);

 private:
  enum class Lost { closed, silent };
  using Outcome = std::variant<Attempt, Lost>;

  std::optional<Attempt> get_shared(const std::string& url, PartialFile& file);
  Outcome ask(int connection, int patience_ms, const std::string& url, PartialFile& file);

  TransferOptions options_;
  std::optional<SharedTransfers> shared_;
  std::unique_ptr<OwnProgram> own_;
  std::vector<char> buffer_;
};

}  // namespace karapace::remote
