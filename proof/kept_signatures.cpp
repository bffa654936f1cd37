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

std::vector<std::filesystem::path> keep_signatures(const store::Store& store, const EnvironmentId& environment,
                                                   const signing::Envelope& envelope) {
  const auto directory = directory_of(store, environment);
  make_directory_if_missing(store.root() / "signatures");
  make_directory_if_missing(directory);
  std::vector<std::filesystem::path> files;
  for (const auto& signature : envelope.signatures) {
    if (!signing::KeyId::from_hex(signature.key_id)) continue;
    const auto file = files.emplace_back(directory / signature.key_id);
    publish_file(store.staging_path(), file,
                 text(signing::Envelope{envelope.payload_type, envelope.payload, {signature}}), Durable::yes);
  }
  return files;
}

}  // namespace karapace::proof
