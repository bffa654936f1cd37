// SPDX-License-Identifier: Apache-2.0
// Context: what every command is told by the global options and the process environment, and how it speaks.
//
// Results go to standard output: text for people, or with --json exactly one JSON document (an error is one, too).
// Warnings, progress and human error messages go to standard error.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "store/store.hpp"

namespace karapace::cli {

enum class Style { bold, dim, red, green, yellow, cyan };

class Context {
 public:
  std::string store_option;  // --store as given; empty when absent
  bool json = false;         // --json
  int verbosity = 0;         // number of -v
  bool color_out = false;    // standard output is a terminal, NO_COLOR is unset and TERM is not "dumb"
  bool color_err = false;    // the same for standard error

  /// The store's directory: --store, KARAPACE_STORE, XDG_DATA_HOME, HOME. Nothing is created.
  std::filesystem::path store_root() const { return store::Store::default_root(store_option); }
  store::Store open_store(store::Store::Access access) const { return store::Store::open(store_root(), access); }

  /// Prints to standard output as it is; the caller ends lines.
  void print(std::string_view text) const;
  /// Prints one document: two spaces of indentation and a final newline.
  void print_json(const nlohmann::json& document) const;
  /// `karapace: warning: MESSAGE` on standard error.
  void warn(std::string_view message) const;
  /// A line on standard error about what is being done; only with -v.
  void note(std::string_view message) const;
  /// `text` in this style when standard output shows colours, else as it is.
  std::string styled(Style style, std::string_view text) const;
};

/// Reads NO_COLOR, TERM and whether the streams are terminals.
Context make_context();
/// Prints an error as `context` asks for it: JSON on standard output, or `karapace: error: MESSAGE` on standard error.
void print_error(const Context& context, std::string_view code, std::string_view message);

/// `text` as a column of `width` terminal cells, left aligned; never cut.
std::string padded(std::string_view text, std::size_t width);
/// "512 B", "1.4 MiB": for people, never in JSON.
std::string human_size(std::uint64_t bytes);

}  // namespace karapace::cli
