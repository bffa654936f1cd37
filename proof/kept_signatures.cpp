// SPDX-License-Identifier: Apache-2.0
#include "proof/kept_signatures.hpp"

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"

namespace karapace::proof {

namespace {

std::filesystem::path directory_of(const store::Store& store, const EnvironmentId& environment) {
  return store.root() / "signatures" / environment.hex();
}

}  // namespace

std::vector<KeptSignature> kept_signatures(const store::Store& store, const EnvironmentId& environment) {
  std::vector<KeptSignature> all;
  const auto directory = directory_of(store, environment);
  const auto opened = open_if_exists(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!opened) return all;
  for (const auto& name : names_in(opened->get(), directory)) {
    try {
      const auto file = open_regular(opened->get(), name, Links::refused);
      if (!file) continue;
      const auto text = read_all(file->get(), name, signing::largest_envelope);
      all.push_back({name, signing::parse_envelope(text, "signature " + name)});
    } catch (const Error& error) {
      all.push_back({name, std::nullopt, error.what()});
    }
  }
  return all;
}

std::filesystem::path keep_signature(const store::Store& store, const EnvironmentId& environment,
                                     const signing::Envelope& envelope, const signing::PublicKey& key) {
  const auto name = key.id().hex();
  const auto* signature = signing::signature_of(envelope, key);
  if (signature == nullptr) throw Error("the key " + name + " did not sign what is to be kept as its word");
  const auto directory = directory_of(store, environment);
  make_directory_if_missing(store.root() / "signatures");
  make_directory_if_missing(directory);
  auto file = directory / name;
  publish_file(store.staging_path(), file,
               text(signing::Envelope{envelope.payload_type, envelope.payload, {{name, signature->bytes}}}),
               Durable::yes);
  return file;
}

}  // namespace karapace::proof
