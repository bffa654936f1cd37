// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/archive_layer.hpp"

#include <cerrno>
#include <cstdlib>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"

namespace karapace::steps {

namespace {

constexpr std::uint64_t default_byte_limit = std::uint64_t{8} << 30;

}  // namespace

std::uint64_t unpack_limit() {
  const char* text = std::getenv("KARAPACE_UNPACK_LIMIT");
  if (!text || !*text) return default_byte_limit;
  char* end = nullptr;
  errno = 0;
  auto limit = std::strtoull(text, &end, 10);
  if (*end != '\0' || errno != 0) throw StepError(fmt::format("KARAPACE_UNPACK_LIMIT=\"{}\" is not a number", text));
  return limit;
}

VerifiedBlob::VerifiedBlob(const store::Store& store, const BlobId& id) : id_(id), fd_(store.open_blob(id)) {}

trees::ByteSource VerifiedBlob::source() {
  return [this](std::span<char> buffer) { return read(buffer); };
}

void VerifiedBlob::verify_rest() {
  std::vector<char> buffer(64 * 1024);
  while (read(buffer) > 0) {
  }
  if (BlobId(hasher_.finish()) != id_) {
    throw StoreError(
        fmt::format("the blob {} is damaged; run `karapace verify-store --repair`, then ninja again", id_.short_hex()));
  }
}

int VerifiedBlob::verified_file() {
  verify_rest();
  return fd_.get();
}

std::size_t VerifiedBlob::read(std::span<char> buffer) {
  for (;;) {
    ssize_t count = ::read(fd_.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw StoreError(errno_message(fmt::format("cannot read the blob {}", id_.hex()), errno));
    hasher_.update({buffer.data(), static_cast<std::size_t>(count)});
    return static_cast<std::size_t>(count);
  }
}

LayerOutput layer_of_archive(const StepContext& context, const ReadArchive& read) {
  const auto verb = text(context.step.kind);
  if (context.step.inputs.empty()) throw StepError(fmt::format("{}: an archive is expected as input", verb));
  const auto blob = context.store.input_record(context.step.inputs.front()).blob();
  const auto label = fmt::format("{} {}", verb, context.hint("title", "blob " + blob.blob.short_hex()));

  const auto path = context.staging.path() / "tree";
  if (::mkdir(path.c_str(), 0755) != 0) throw StoreError(errno_message("cannot make " + path.string(), errno));
  const auto tree = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  VerifiedBlob verified(context.store, blob.blob);
  store::Listing listing;
  try {
    listing = read({verified, tree.get(), label, unpack_limit()});
  } catch (const StepError&) {
    // Bytes that changed on disk look like a bad archive: tell which of the two it is.
    verified.verify_rest();
    throw;
  } catch (const StoreError& error) {
    throw StoreError(fmt::format("{}: {}", label, error.what()));  // what can not be written stands in this archive
  }
  verified.verify_rest();
  return {context.store.add_layer(path, listing, context.staging)};
}

}  // namespace karapace::steps
