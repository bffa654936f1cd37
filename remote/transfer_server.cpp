// SPDX-License-Identifier: Apache-2.0
#include "remote/transfer_server.hpp"

#include <algorithm>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "remote/http.hpp"
#include "remote/image_transfer.hpp"
#include "remote/shared_transfers.hpp"
#include "remote/transfer_message.hpp"

namespace karapace::remote {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds idle_before_end{500};
constexpr std::chrono::milliseconds sign_of_life{1000};
constexpr std::chrono::seconds longest_full{30};  // of a download that reads nothing: it is stopped, and asks again
constexpr std::chrono::milliseconds longest_wait_for_look_up{1000};
constexpr int longest_sleep_ms = 250;
constexpr long connections_per_host = 16;  // above the depth of the pool `fetch`: nobody waits

/// "http://host:port" of a URL.
std::string_view origin_of(std::string_view url) {
  auto host = url.find("://");
  return url.substr(0, url.find('/', host == url.npos ? 0 : host + 3));
}

struct Multi {
  Multi() {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (handle = curl_multi_init()) == nullptr) {
      throw RemoteError("libcurl can not be initialised");
    }
    curl_multi_setopt(handle, CURLMOPT_MAX_HOST_CONNECTIONS, connections_per_host);
    curl_multi_setopt(handle, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
  }
  ~Multi() { curl_multi_cleanup(handle); }
  Multi(const Multi&) = delete;
  Multi& operator=(const Multi&) = delete;

  CURLM* handle = nullptr;
};

/// One download: a connection, and its transfer once it has asked for one.
class Client {
 public:
  Client(CURLM* multi, Fd socket) : multi_(multi), socket_(std::move(socket)) {}
  ~Client() { stop(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  int socket() const noexcept { return socket_.get(); }
  bool gone() const noexcept { return gone_; }
  bool busy() const noexcept { return request_ || transfer_ || end_; }
  std::string_view origin() const noexcept { return origin_; }
  /// Its request has not been begun.
  bool waits() const noexcept { return request_.has_value(); }
  bool waited_long(Clock::time_point now) const { return now - asked_ > longest_wait_for_look_up; }
  bool looks_up() const {
    curl_off_t microseconds = 0;
    if (transfer_) curl_easy_getinfo(transfer_->get(), CURLINFO_NAMELOOKUP_TIME_T, &microseconds);
    return transfer_ && microseconds == 0;
  }
  /// It has to read before anything more can be sent.
  bool full() const noexcept { return full_since_.has_value(); }

  /// A request, or the end: nobody asks while a transfer runs.
  void readable(std::span<char> buffer) {
    auto message = receive_message(socket_.get(), buffer);
    auto request = message && message->kind == MessageKind::request ? parse_request(message->body) : std::nullopt;
    if (!request || busy()) return leave();
    origin_ = origin_of(request->url);
    request_ = std::move(request);
    asked_ = Clock::now();
    send(MessageKind::alive, {});
  }

  /// Hands over the connection and its request, when that is for an image's blob.
  std::optional<std::pair<Fd, TransferRequest>> take_image_request() {
    if (!request_ || !names_image_blob(request_->url)) return std::nullopt;
    gone_ = true;
    return std::pair(std::move(socket_), *std::exchange(request_, std::nullopt));
  }

  void begin() {
    auto request = *std::exchange(request_, std::nullopt);
    head_sent_ = false;
    try {
      transfer_ = std::make_unique<HttpHandle>(request, &Client::on_bytes, this);
      if (curl_multi_add_handle(multi_, transfer_->get()) == CURLM_OK) return;
      end_ = {TransferEnd::Result::interrupted, 0, "libcurl takes no more transfers"};
    } catch (const Error& error) {
      end_ = {TransferEnd::Result::refused, 0, error.what()};
    }
    transfer_.reset();
    finish();
  }

  void writable() {
    full_since_.reset();
    if (end_) return finish();
    if (transfer_) curl_easy_pause(transfer_->get(), CURLPAUSE_CONT);
  }

  void ended(CURLcode code) {
    end_ = transfer_->end(code);
    stop();
    if (!full()) finish();
  }

  /// Tells one that waits that it need not give up; leaves one that does not read.
  void tick(Clock::time_point now) {
    if (full_since_ && now - *full_since_ > longest_full) return leave();
    if ((transfer_ || request_) && now - said_ > sign_of_life) send(MessageKind::alive, {});
  }

  void leave() {
    gone_ = true;
    stop();
    request_.reset();
    end_.reset();
  }

 private:
  static std::size_t on_bytes(char* data, std::size_t size, std::size_t count, void* user) noexcept {
    return static_cast<Client*>(user)->pass_on({data, size * count});
  }

  /// As libcurl wants it: how much was taken. What is not taken at all is offered again after the pause.
  std::size_t pass_on(std::string_view bytes) noexcept {
    auto sent = Sent::yes;
    if (!head_sent_) sent = send(MessageKind::head, text(transfer_->head()));
    head_sent_ = head_sent_ || sent == Sent::yes;
    if (sent == Sent::yes) sent = send(MessageKind::data, bytes);
    if (sent == Sent::yes) return bytes.size();
    return sent == Sent::busy ? CURL_WRITEFUNC_PAUSE : 0;
  }

  void finish() {
    if (send(MessageKind::end, text(*end_)) != Sent::busy) end_.reset();
  }

  void stop() {
    if (transfer_) curl_multi_remove_handle(multi_, transfer_->get());
    transfer_.reset();
  }

  Sent send(MessageKind kind, std::string_view body) {
    auto sent = send_message(socket_.get(), kind, body);
    if (sent == Sent::gone) gone_ = true;
    if (sent == Sent::yes) said_ = Clock::now();
    if (sent == Sent::busy && kind != MessageKind::alive && !full_since_) full_since_ = Clock::now();
    return sent;
  }

  CURLM* multi_;
  Fd socket_;
  std::string origin_;
  std::optional<TransferRequest> request_;
  std::unique_ptr<HttpHandle> transfer_;
  std::optional<TransferEnd> end_;  // that could not be sent yet
  std::optional<Clock::time_point> full_since_;
  Clock::time_point asked_;
  Clock::time_point said_ = Clock::now();
  bool head_sent_ = false;
  bool gone_ = false;
};

static_assert(CURL_MAX_WRITE_SIZE < longest_message);  // what libcurl gives at once is one message

class Server {
 public:
  Server() : buffer_(longest_message) {}

  void add(Fd connection) { clients_.emplace_back(multi_.handle, std::move(connection)); }
  bool empty() const noexcept { return clients_.empty() && images_.empty(); }
  bool busy() const {
    return !images_.empty() ||
           std::any_of(clients_.begin(), clients_.end(), [](const Client& client) { return client.busy(); });
  }

  /// Waits for something to happen, a moment at most, and does what is to be done. Whether somebody waits to be
  /// accepted at `listening` (-1: nobody can).
  bool turn(int listening) {
    auto waited_for = wanted_events();
    if (listening >= 0) waited_for.push_back({listening, CURL_WAIT_POLLIN, 0});
    check(curl_multi_poll(multi_.handle, waited_for.data(), static_cast<unsigned>(waited_for.size()), longest_sleep_ms,
                          nullptr));
    auto event = waited_for.begin();
    for (auto& client : clients_) handle(client, (event++)->revents);
    int running = 0;
    check(curl_multi_perform(multi_.handle, &running));
    take_ends();
    begin_images();
    begin_transfers();
    for (auto& client : clients_) client.tick(Clock::now());
    clients_.remove_if([](const Client& client) { return client.gone(); });
    return listening >= 0 && event->revents != 0;
  }

 private:
  static void check(CURLMcode code) {
    if (code != CURLM_OK) throw RemoteError(fmt::format("libcurl failed: {}", curl_multi_strerror(code)));
  }

  std::vector<curl_waitfd> wanted_events() const {
    std::vector<curl_waitfd> events;
    for (const auto& client : clients_) {
      auto wanted = CURL_WAIT_POLLIN | (client.full() ? CURL_WAIT_POLLOUT : 0);
      events.push_back({client.socket(), static_cast<short>(wanted), 0});
    }
    return events;
  }

  void handle(Client& client, int events) {
    if ((events & CURL_WAIT_POLLOUT) != 0) client.writable();
    if ((events & ~CURL_WAIT_POLLOUT) != 0) client.readable(buffer_);
  }

  /// They come back when they are done.
  void begin_images() {
    for (auto& client : clients_)
      if (auto request = client.take_image_request())
        images_.begin(std::move(request->first), std::move(request->second));
    images_.tick();
    for (auto& connection : images_.take_done()) add(std::move(connection));
  }

  /// One look-up per host: who asks for one that is being looked up waits for that a moment, and finds it cached.
  void begin_transfers() {
    auto now = Clock::now();
    for (auto& client : clients_) {
      if (client.waits() && (client.waited_long(now) || !is_looked_up(client.origin()))) client.begin();
    }
  }

  bool is_looked_up(std::string_view origin) const {
    return std::any_of(clients_.begin(), clients_.end(),
                       [&](const Client& client) { return client.origin() == origin && client.looks_up(); });
  }

  void take_ends() {
    int left = 0;
    while (auto* message = curl_multi_info_read(multi_.handle, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      char* client = nullptr;
      auto code = message->data.result;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &client);
      reinterpret_cast<Client*>(client)->ended(code);
    }
  }

  Multi multi_;
  std::list<Client> clients_;
  ImageTransfers images_{[this] { curl_multi_wakeup(multi_.handle); }};
  std::vector<char> buffer_;
};

bool same_user(int connection) {
  struct ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::geteuid();
}

bool removed(int directory) {
  struct stat status{};
  return ::fstat(directory, &status) != 0 || status.st_nlink == 0;
}

}  // namespace

void serve_downloads(Fd listening, Fd directory) {
  Server server;
  auto last_busy = Clock::now();
  bool has_room = true;
  while (server.busy() || (Clock::now() - last_busy < idle_before_end && !removed(directory.get()))) {
    // Without a descriptor left (EMFILE), who waits would be told of again and again: a turn without them passes first.
    const bool is_asked = server.turn(has_room ? listening.get() : -1);
    has_room = true;
    if (is_asked) {
      Fd connection(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      has_room = static_cast<bool>(connection);
      if (connection && same_user(connection.get())) server.add(std::move(connection));
    }
    if (server.busy()) last_busy = Clock::now();
  }
  // Who connected in this moment sees the connection end, and begins again.
  remove_shared_socket(directory.get());
}

void serve_download(Fd connection) {
  Server server;
  server.add(std::move(connection));
  while (!server.empty()) server.turn(-1);
}

}  // namespace karapace::remote
