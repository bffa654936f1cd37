// SPDX-License-Identifier: Apache-2.0
#include "tests/remote/oci/registry_fixture.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base64.hpp"
#include "base/child.hpp"
#include "base/durable_file.hpp"
#include "base/words.hpp"
#include "remote/oci/image_config.hpp"
#include "store/pax_writer.hpp"

namespace karapace::oci {

namespace {

int free_port() {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no free port");
  }
  return ntohs(address.sin_port);
}

/// A tar archive of one file.
std::string tar_of(const std::string& name, const std::string& bytes) {
  std::string tar;
  store::PaxWriter writer([&](std::string_view more) { tar += more; }, store::PaxWriter::Dialect::image);
  store::Entry entry;
  entry.type = store::EntryType::regular;
  entry.path = name;
  entry.mode = 0644;
  entry.size = bytes.size();
  writer.add(entry);
  writer.append(bytes);
  writer.end_content(bytes.size());
  writer.finish();
  return tar;
}

}  // namespace

Server::Server(std::vector<std::string> argv) {
  int in[2];
  int out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  std::vector<char*> arguments;
  for (auto& word : argv) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  process_ = ::fork();
  if (process_ == 0) {
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), 2);  // what goes wrong there on purpose is told, too
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  in_ = in[1];
  out_ = out[0];
}

Server::~Server() {
  kill();
  ::close(in_);
  ::close(out_);
}

std::string Server::line() const {
  char buffer[100] = {};
  if (::read(out_, buffer, sizeof buffer - 1) <= 0) throw std::runtime_error("the server did not start");
  return std::string(trimmed(buffer));
}

void Server::kill() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

FaultyRegistry::FaultyRegistry() : FaultyRegistry(std::vector<std::string>{"python3", KARAPACE_FAULTY_REGISTRY}) {}

FaultyRegistry::FaultyRegistry(const std::filesystem::path& certificate, const std::filesystem::path& key)
    : FaultyRegistry(
          std::vector<std::string>{"python3", KARAPACE_FAULTY_REGISTRY, certificate.string(), key.string()}) {
  certificate_ = certificate;
}

FaultyRegistry::FaultyRegistry(std::vector<std::string> argv) : server_(std::move(argv)) {
  auto ports = server_.line();
  port_ = ports.substr(0, ports.find(' '));
  storage_ = ports.substr(ports.find(' ') + 1);
}

std::string FaultyRegistry::control(const std::string& what, const std::string& json) {
  remote::TransferOptions options;
  if (certificate_) options.ca_info = certificate_->string();
  HttpClient http(options);
  auto url = fmt::format("{}://{}/control/{}", certificate_ ? "https" : "http", host(), what);
  auto answer =
      http.ask({.method = Method::post, .url = *Url::parse(url), .body = RequestBody{BlobSource::of_bytes(json)}});
  if (answer.status() != 200) throw std::runtime_error("the faulty registry does not obey");
  return answer.body;
}

std::vector<std::string> FaultyRegistry::requests() {
  auto text = control("log", "{}");
  std::vector<std::string> requests;
  for (auto line : lines(text)) requests.emplace_back(line);
  return requests;
}

std::size_t FaultyRegistry::count(const std::vector<std::string>& words) {
  auto all = requests();
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const std::string& line) {
    return std::all_of(words.begin(), words.end(), [&](const auto& word) { return line.find(word) != line.npos; });
  }));
}

bool make_certificate(const std::filesystem::path& certificate, const std::filesystem::path& key) {
  return capture_child({.argv = {"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                                 "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate.string(),
                                 "-keyout", key.string()}})
             .status == 0;
}

bool DockerRegistry::is_installed() { return capture_child({.argv = {"docker-registry", "--version"}}).status == 0; }

DockerRegistry::DockerRegistry(const std::filesystem::path& directory, const std::string& settings)
    : configuration_(directory / "registry.yml"), host_(fmt::format("127.0.0.1:{}", free_port())) {
  auto text = fmt::format(
      "version: 0.1\n{}log:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    "
      "rootdirectory: {}\n"
      "  delete:\n    enabled: true\nhttp:\n  addr: {}\n",
      settings, (directory / "registry").string(), host_);
  write_file_atomically(configuration_, text, Durable::no);
  start();
}

void DockerRegistry::start() {
  server_.emplace(std::vector<std::string>{"docker-registry", "serve", configuration_.string()});
  HttpClient http({});
  for (int tries = 0; tries < 200; ++tries) {
    if (http.ask({.url = *Url::parse(fmt::format("http://{}/v2/", host_))}).status() != 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  throw std::runtime_error("docker-registry did not start");
}

RegistryOptions RegistryTest::options() const {
  RegistryOptions options;
  options.credential_files = {directory_.path() / "auth.json"};
  options.transfer.timeout_seconds = 5;
  options.pauses.first = std::chrono::milliseconds(5);
  return options;
}

std::filesystem::path RegistryTest::file(const std::string& name, std::string_view bytes) const {
  auto path = directory_.path() / name;
  write_file_atomically(path, bytes, Durable::no);
  return path;
}

SampleImage sample_image(const std::string& seed) {
  std::vector<std::string> layers{tar_of("a", seed), tar_of("b", std::string(100'000, 'b') + seed)};
  ImageConfig config{.platform = {"linux", "amd64"}, .created = "2024-01-01T00:00:00Z", .variables = {"PATH=/bin"}};
  for (const auto& layer : layers) config.diff_ids.push_back(digest_of(layer));
  auto text = write(config);
  ImageManifest image{.config = describe(media_type::config, text)};
  for (const auto& layer : layers) image.layers.push_back(describe(media_type::layer_tar, layer));
  return {std::move(text), std::move(layers), image, write(image)};
}

NewBlob new_blob(const std::string& bytes, std::string_view type) {
  return {.descriptor = describe(type, bytes), .source = BlobSource::of_bytes(bytes)};
}

void push(ImageRepository& repository, const SampleImage& image, const std::optional<Tag>& tag) {
  for (const auto& layer : image.layers) repository.add_blob(new_blob(layer));
  repository.add_blob(new_blob(image.config, media_type::config));
  repository.add_manifest(image.manifest, tag);
}

std::string read(ImageRepository& repository, const Descriptor& blob) {
  std::string bytes;
  repository.read_blob(blob, [&](std::string_view more) { bytes += more; });
  return bytes;
}

std::string random_like(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint64_t state = 42;
  for (auto& byte : bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<char>(state >> 56);
  }
  return bytes;
}

void FaultyRegistryTest::log_in(const std::string& user, const std::string& password) const {
  file("auth.json",
       fmt::format(R"({{"auths":{{"{}":{{"auth":"{}"}}}}}})", server_.host(), base64(user + ':' + password)));
}

}  // namespace karapace::oci
