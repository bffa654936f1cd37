// SPDX-License-Identifier: Apache-2.0
// karapace-image STORE ENVIRONMENT COMPRESSION MOST-LAYERS KEPT-LAYERS NAME LOCATION [ARCHIVE PROGRAM]: writes the image
// of an environment, whose layers are packed, to files (image/image_file.hpp), and prints what it consists of, as JSON.
// Apart from karapace, which must start in a millisecond and links nothing that knows images. With a tar ARCHIVE on top
// as one more layer the image runs PROGRAM; beside the archive there must be room for it, compressed.
#include <charconv>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/inherited_state.hpp"
#include "base/json/error_answer.hpp"
#include "base/parallel.hpp"
#include "image/environment_image.hpp"
#include "image/image_file.hpp"
#include "runtime/trees/chunked_compressor.hpp"
#include "store/environment.hpp"

namespace {

using namespace karapace;

nlohmann::json report(const image::EnvironmentImage& made) {
  auto layers = nlohmann::json::array();
  for (const auto& layer : made.layers) {
    auto ids = nlohmann::json::array();
    for (const auto& id : layer.layers) ids.push_back(id.hex());
    layers.push_back({{"diff_id", layer.blob.diff_id.value().hex()},
                      {"layers", std::move(ids)},
                      {"sha256", layer.blob.sha256.hex()},
                      {"size_bytes", layer.blob.size},
                      {"step", layer.file.empty() ? nlohmann::json(layer.step.hex()) : nlohmann::json()}});
  }
  return {{"config", oci::digest_of(made.config).hex()},
          {"layers", std::move(layers)},
          {"manifest", made.manifest.digest.hex()}};
}

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw UsageError(fmt::format("\"{}\" is no number of layers", escaped_utf8(text)));
  return value;
}

image::ImageAddition addition_of(const std::filesystem::path& archive, std::string_view compression,
                                 const std::string& program) {
  const auto known = trees::blob_compression_from(compression);
  if (!known) throw UsageError(fmt::format("there is no compression \"{}\"", escaped_utf8(compression)));
  auto file = archive;
  file += ".layer";
  const auto input = open_at(AT_FDCWD, archive, O_RDONLY);
  const auto output = open_at(AT_FDCWD, file, O_WRONLY | O_CREAT | O_EXCL, 0600);
  trees::ChunkedCompressor compressor(output.get(), *known, available_threads(), "the release");
  for (;;) {
    const auto space = compressor.space();
    const auto count = ::read(input.get(), space.data(), space.size());
    if (count < 0) throw StoreError(errno_message("cannot read " + archive.string(), errno));
    if (count == 0) break;
    compressor.advance(static_cast<std::size_t>(count));
  }
  const auto made = compressor.finish();
  const bool is_zstd = *known == trees::BlobCompression::zstd;
  return {.layer = {.step = {},
                    .layers = {},
                    .created_by = "release",
                    .blob = {.blob = made.blob,
                             .sha256 = made.sha256,
                             .size = made.size,
                             .diff_id = made.stream_sha256,
                             .diff_size = made.stream_size},
                    .media_type = is_zstd ? oci::media_type::layer_zstd : oci::media_type::layer_gzip,
                    .file = file},
          .program = program};
}

std::string run(char** words) {
  const auto store = store::Store::open(words[1], store::Store::Access::read_only);
  const auto id = EnvironmentId::from_hex(words[2]);
  if (!id) throw UsageError(fmt::format("\"{}\" is no environment's id", escaped_utf8(words[2])));
  const auto held = store::use_environment(store, *id);
  const auto environment = store::find_environment(store, *id);
  if (!environment) throw NotFoundError(fmt::format("there is no environment {}", id->short_hex()));
  std::optional<image::ImageAddition> addition;
  if (words[8]) addition = addition_of(words[8], words[3], words[9]);
  const auto made = image::image_of(
      store, *environment, {.compression = words[3], .most_layers = number(words[4]), .kept_layers = number(words[5])},
      addition);
  image::write_image(store, made, oci::ImageLocation::parse(words[7]), words[6]);
  return report(made).dump() + '\n';
}

}  // namespace

int main(int argc, char** argv) {
  karapace::mend_inherited_state();
  ::umask(022);
  return karapace::print_answer("image", [&] {
    if (argc == 8 || argc == 10) return run(argv);
    throw karapace::UsageError(
        "usage: karapace-image STORE ENVIRONMENT COMPRESSION MOST-LAYERS KEPT-LAYERS NAME LOCATION [ARCHIVE PROGRAM]");
  });
}
