// SPDX-License-Identifier: Apache-2.0
// A layout that a web server serves as files: read only, by the same requests as blobs of a registry.
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/words.hpp"
#include "remote/oci/blob_download.hpp"
#include "remote/oci/layout_files.hpp"

namespace karapace::oci {

namespace {

class LayoutOnWeb final : public LayoutFiles {
 public:
  LayoutOnWeb(Url base, RegistryOptions options)
      : base_(std::move(base)), connection_(host_and_port(base_), path_of(base_), std::move(options)) {
    require_marker(get(std::string(layout_marker_name)), name());
  }

  std::string name() const override { return base_.text(); }

  std::optional<std::string> index() override {
    const std::lock_guard lock(mutex_);
    if (!index_) index_ = get("index.json");
    return index_;
  }

  std::optional<std::uint64_t> blob_size(const ContentDigest& digest) override {
    auto what = fmt::format("look for blob {}", digest.text());
    auto answer =
        connection_.ask_patiently({.method = Method::head, .url = at(blob_path(digest))}, connection_.pulling(), what);
    if (answer.status() == 404) return std::nullopt;
    if (answer.status() != 200) connection_.refuse(answer, what);
    if (!answer.head.length()) connection_.refuse("does not say how long it is", what);
    return answer.head.length();
  }

  void read_blob(const Descriptor& blob, const TakeBytes& take, std::uint64_t from) override {
    BlobDownload(connection_, at(blob_path(blob.digest)), blob, take).run(from);
  }

 private:
  /// As registries are called: the port only where it is not the usual one.
  static std::string host_and_port(const Url& url) {
    auto text = url.text().substr(url.text().find("://") + 3);
    return text.substr(0, text.find('/'));
  }
  static std::string path_of(const Url& url) {
    auto text = url.text().substr(url.text().find("://") + 3);
    auto slash = std::min(text.find('/'), text.size() - 1);
    return text.substr(slash + 1, text.size() - slash - 2);
  }

  Url at(const std::string& path) const { return *base_.resolved(path); }

  std::optional<std::string> get(const std::string& file) {
    auto what = fmt::format("read {}", file);
    auto answer =
        connection_.ask_patiently({.url = at(file), .body_limit = longest_layout_index}, connection_.pulling(), what);
    if (answer.status() == 404) return std::nullopt;
    if (answer.status() != 200) connection_.refuse(answer, what);
    if (answer.is_cut) connection_.refuse(fmt::format("sends more than {}", size_text(longest_layout_index)), what);
    return answer.body;
  }

  Url base_;
  RegistryConnection connection_;
  std::mutex mutex_;
  std::optional<std::string> index_;
};

}  // namespace

std::unique_ptr<LayoutFiles> layout_on_web(const std::string& url, RegistryOptions options) {
  auto base = Url::parse(url.ends_with('/') ? url : url + '/');
  if (!base || base->text().find_first_of("?#") != std::string::npos) {
    throw RemoteError(fmt::format("\"{}\" is no address of a directory", shown_address(url)));
  }
  options.scheme = base->is_https() ? Scheme::https : Scheme::http;
  // An address may be in the clear, as what it leads to is judged by digests; a password may not.
  if (!base->is_https() && !base->is_loopback()) options.credential_files.clear();
  return std::make_unique<LayoutOnWeb>(*base, std::move(options));
}

}  // namespace karapace::oci
