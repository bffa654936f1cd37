// SPDX-License-Identifier: Apache-2.0
// pack: a layer as a blob that images can name, or several layers as one.
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/trees/chunked_compressor.hpp"
#include "runtime/trees/layer_archive.hpp"

namespace karapace::steps {

namespace {

void refuse_unknown(const Step& step) {
  for (const auto& [name, value] : step.parameters) {
    if (name == "compression" || name == "rules") continue;
    if (name == "below" && value == "nothing") continue;
    throw StepError(fmt::format("pack step: the parameter {}={} is unknown", name, escaped_utf8(value)));
  }
  if (step.inputs.empty()) throw StepError("pack step: it needs the step of a layer as input");
}

trees::BlobCompression compression_of(const Step& step) {
  const auto word = step.required("compression");
  if (const auto compression = trees::blob_compression_from(word)) return *compression;
  throw StepError(
      fmt::format("pack step: there is no compression \"{}\", but there are zstd and gzip", escaped_utf8(word)));
}

trees::LayerFiles files_of(const StepContext& context) {
  trees::LayerFiles files;
  if (context.step.parameter("below")) files.below = trees::Below::nothing;
  for (const auto& input : context.step.inputs) {
    const auto layer = context.store.input_record(input).layer().layer;
    files.listings.push_back(context.store.listing(layer));
    files.trees.push_back(open_at(AT_FDCWD, context.store.layer_tree(layer), O_RDONLY | O_DIRECTORY));
    files.label = fmt::format("pack {}", context.hint("title", "layer " + layer.short_hex()));
  }
  if (files.listings.size() > 1) files.label = fmt::format("pack {}", counted(files.listings.size(), "layer"));
  return files;
}

}  // namespace

StepOutput pack(const StepContext& context) {
  refuse_unknown(context.step);
  const auto files = files_of(context);
  const auto path = context.staging.path() / "blob";
  const auto file = open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  trees::ChunkedCompressor output(file.get(), compression_of(context.step), available_threads(), files.label);
  trees::write_layer_archive(files, output);
  const auto made = output.finish();
  context.store.add_blob(made.blob, path);
  return BlobOutput{.blob = made.blob,
                    .sha256 = made.sha256,
                    .size = made.size,
                    .diff_id = made.stream_sha256,
                    .diff_size = made.stream_size};
}

}  // namespace karapace::steps
