// SPDX-License-Identifier: Apache-2.0
// TransferMessage: what a download and karapace-transfer, the program that speaks to servers, say to each other.
//
// They share a unix socket of type SOCK_SEQPACKET, on which a message is read as it was sent. The download sends a
// `request`; what comes back is any number of `alive`, then `head` and `data` as they arrive, then `end`. Either side
// may leave at any moment by closing its end; the bytes that arrived until then count. Both are of one installation.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "remote/sources.hpp"

namespace karapace::remote {

enum class MessageKind : char { request = 'q', alive = '.', head = 'h', data = 'd', end = 'e' };

struct TransferRequest {
  std::string url;
  std::uint64_t from = 0;  // how many bytes are there already
  std::uint64_t size = 0;  // of all of them; no more are wanted
  TransferOptions options;
};

/// The head of the last answer, sent before its first bytes.
struct TransferHead {
  long status = 0;
  std::int64_t length = -1;  // of what follows; -1: not announced
};

struct TransferEnd {
  enum class Result {
    complete,
    interrupted,  // `reason` says by what; it may work the next time
    refused,      // `reason` says by what
    status,       // HTTP `status`, an error
    no_range,     // the server can not begin at `from`
  };
  Result result{};
  long status = 0;
  std::string reason;
};

/// Longer ones are not sent, and who gets one closes the connection.
inline constexpr std::size_t longest_message = std::size_t{64} << 10;

struct Message {
  MessageKind kind;
  std::string_view body;  // in the buffer it was read into
};

enum class Sent {
  yes,
  busy,  // the other side has not read enough yet
  gone,  // nobody is there
};

/// Never waits.
Sent send_message(int socket, MessageKind kind, std::string_view body);
/// Waits for the next one. Nothing when the other side is gone or sends what is no message.
std::optional<Message> receive_message(int socket, std::span<char> buffer);

std::string text(const TransferRequest& request);
std::string text(const TransferHead& head);
std::string text(const TransferEnd& end);
/// Nothing when the text is not that of a message of its kind.
std::optional<TransferRequest> parse_request(std::string_view text);
std::optional<TransferHead> parse_head(std::string_view text);
std::optional<TransferEnd> parse_end(std::string_view text);

}  // namespace karapace::remote
