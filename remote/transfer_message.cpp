// SPDX-License-Identifier: Apache-2.0
#include "remote/transfer_message.hpp"

#include <cerrno>

#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/uio.h>

namespace karapace::remote {

namespace {

using Json = nlohmann::json;

/// A path or a host's answer need not be UTF-8.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

template <class T, class Read>
std::optional<T> parsed(std::string_view text, Read read) {
  try {
    return read(Json::parse(text));
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace

Sent send_message(int socket, MessageKind kind, std::string_view body) {
  if (body.size() >= longest_message) return Sent::gone;
  iovec parts[2] = {{&kind, 1}, {const_cast<char*>(body.data()), body.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  for (;;) {
    if (::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return Sent::yes;
    if (errno == EAGAIN || errno == ENOBUFS) return Sent::busy;
    if (errno != EINTR) return Sent::gone;
  }
}

std::optional<Message> receive_message(int socket, std::span<char> buffer) {
  for (;;) {
    auto got = ::recv(socket, buffer.data(), buffer.size(), MSG_TRUNC);
    if (got < 0 && errno == EINTR) continue;
    auto size = static_cast<std::size_t>(got);
    if (got <= 0 || size > buffer.size()) return std::nullopt;
    return Message{static_cast<MessageKind>(buffer[0]), {buffer.data() + 1, size - 1}};
  }
}

std::string text(const TransferRequest& request) {
  return dump({{"url", request.url},
               {"from", request.from},
               {"size", request.size},
               {"options", options_text(request.options)}});
}

std::string text(const TransferHead& head) { return dump({{"status", head.status}, {"length", head.length}}); }

std::string text(const TransferEnd& end) {
  return dump({{"result", static_cast<int>(end.result)}, {"status", end.status}, {"reason", end.reason}});
}

std::optional<TransferRequest> parse_request(std::string_view text) {
  return parsed<TransferRequest>(text, [](const Json& json) {
    return TransferRequest{json.at("url").get<std::string>(), json.at("from").get<std::uint64_t>(),
                           json.at("size").get<std::uint64_t>(), parse_options(json.at("options").get<std::string>())};
  });
}

std::optional<TransferHead> parse_head(std::string_view text) {
  return parsed<TransferHead>(text, [](const Json& json) {
    return TransferHead{json.at("status").get<long>(), json.at("length").get<std::int64_t>()};
  });
}

std::optional<TransferEnd> parse_end(std::string_view text) {
  return parsed<TransferEnd>(text, [](const Json& json) {
    return TransferEnd{json.at("result").get<TransferEnd::Result>(), json.at("status").get<long>(),
                       json.at("reason").get<std::string>()};
  });
}

}  // namespace karapace::remote
