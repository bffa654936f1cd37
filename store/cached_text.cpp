// SPDX-License-Identifier: Apache-2.0
#include "store/cached_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/digest.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace karapace::store {

namespace {

std::string first_line(std::string_view name, std::string_view text) {
  return fmt::format("karapace {} 1 {}\n", name, blake3(text).hex());
}

}  // namespace

std::optional<std::string> cached_text(const Store& store, std::string_view name) {
  try {
    auto text = read_file_if_exists(store.root() / name);
    if (!text) return std::nullopt;
    auto end = std::min(text->find('\n'), text->size() - 1) + 1;
    if (text->substr(0, end) != first_line(name, std::string_view(*text).substr(end))) return std::nullopt;
    text->erase(0, end);
    return text;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void keep_text(const Store& store, const Staging& staging, std::string_view name, std::string_view text) {
  try {
    auto made = staging.path() / name;
    write_file_atomically(made, first_line(name, text).append(text), Durable::no);
    std::error_code ignored;
    std::filesystem::rename(made, store.root() / name, ignored);
  } catch (const StoreError&) {
    return;
  }
}

std::optional<Staging> staging_if_writable(const Store& store) {
  try {
    return store.stage();
  } catch (const StoreError&) {
    return std::nullopt;
  }
}

}  // namespace karapace::store
