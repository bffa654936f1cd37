// SPDX-License-Identifier: Apache-2.0
// karapace-image STORE ENVIRONMENT COMPRESSION MOST-LAYERS KEPT-LAYERS NAME LOCATION: writes the image of an
// environment, whose layers are packed, to files (image/image_file.hpp), and prints what it consists of, as JSON. Apart
// from karapace, which must start in a millisecond and links nothing that knows images.
#include <charconv>
#include <cstdio>
#include <exception>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/inherited_state.hpp"
#include "base/path_error.hpp"
#include "image/environment_image.hpp"
#include "image/image_file.hpp"
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
                      {"step", layer.step.hex()}});
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

int run(char** words) {
  ::umask(022);
  const auto store = store::Store::open(words[1], store::Store::Access::read_only);
  const auto id = EnvironmentId::from_hex(words[2]);
  if (!id) throw UsageError(fmt::format("\"{}\" is no environment's id", escaped_utf8(words[2])));
  const auto held = store::use_environment(store, *id);
  const auto environment = store::find_environment(store, *id);
  if (!environment) throw NotFoundError(fmt::format("there is no environment {}", id->short_hex()));
  const auto made = image::image_of(
      store, *environment, {.compression = words[3], .most_layers = number(words[4]), .kept_layers = number(words[5])});
  image::write_image(store, made, oci::ImageLocation::parse(words[7]), words[6]);
  fmt::print("{}\n", report(made).dump());
  return 0;
}

int fail(const char* message, int status) {
  std::fprintf(stderr, "karapace-image: error: %s\n", printable(message).c_str());
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  karapace::mend_inherited_state();
  try {
    if (argc == 8) return run(argv);
    return fail("usage: karapace-image STORE ENVIRONMENT COMPRESSION MOST-LAYERS KEPT-LAYERS NAME LOCATION", 1);
  } catch (const karapace::Error& error) {
    return fail(error.what(), exit_code(error.kind()));
  } catch (const std::exception& error) {
    return fail(karapace::told_text(error).c_str(), 1);
  }
}
