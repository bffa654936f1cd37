// SPDX-License-Identifier: Apache-2.0
// Context: what every command is told by the global options and the process environment, and how it speaks.
//
// Results go to standard output: text for people, or with --json exactly one JSON document (an error is one, too).
// Warnings, progress and human error messages go to standard error.
//
// Texts hold what others wrote: names of packages and files, manifests, logs of builds. So everything for people passes
// `printable` (base/escape.hpp) here, at the output, and nowhere else is it decided what a terminal is sent. Only our
// own colours pass: `styled` marks them with a random word that nobody else knows.
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
  std::string color_mark;    // what `print` knows our colours by; empty when standard output shows none
  bool color_err = false;    // standard error is a terminal, NO_COLOR is unset and TERM is not "dumb"

  /// The store's directory: --store, KARAPACE_STORE, XDG_DATA_HOME, HOME. Nothing is created.
  std::filesystem::path store_root() const { return store::Store::default_root(store_option); }
  store::Store open_store(store::Store::Access access,
                          store::Store::AfterPowerFailure after = store::Store::AfterPowerFailure::check) const {
    return store::Store::open(store_root(), access, after);
  }

  /// Prints to standard output what is for people: what would act on a terminal is shown as \xNN. The caller ends
  /// lines.
  void print(std::string_view text) const;
  /// Prints a document that programs read (CMake, DOT, SVG, JSON): as it is, but on a terminal as `print` does.
  void print_document(std::string_view text) const;
  /// Prints one document (docs/json.md): these fields with its name, "karapace.list", and version; two spaces of
  /// indentation and a final newline.
  void print_json(std::string_view document, nlohmann::json fields, unsigned version = 1) const;
  /// `karapace: warning: MESSAGE` on standard error.
  void warn(std::string_view message) const;
  /// `karapace: MESSAGE` on standard error.
  void tell(std::string_view message) const;
  /// The same about what is being done; only with -v.
  void note(std::string_view message) const;
  /// `text` in this style when standard output shows colours, else as it is. For `print` only.
  std::string styled(Style style, std::string_view text) const;
};

/// Reads NO_COLOR, TERM and whether the streams are terminals.
Context make_context();
/// Prints an error as `context` asks for it: JSON on standard output, or `karapace: error: MESSAGE` on standard error.
/// `status` is what the program ends with.
void print_error(const Context& context, std::string_view code, std::string_view message, int status);

/// `text` as a column of `width` terminal cells, left aligned; never cut.
std::string padded(std::string_view text, std::size_t width);

}  // namespace karapace::cli
