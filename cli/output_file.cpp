// SPDX-License-Identifier: Apache-2.0
#include "cli/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/written_file.hpp"
#include "cli/document.hpp"

namespace karapace::cli {

std::optional<std::filesystem::path> output_file(const std::optional<std::string>& chosen,
                                                 const std::optional<std::string>& on_terminal) {
  if (chosen && *chosen == "-") return std::nullopt;
  if (chosen) return std::filesystem::path(*chosen);
  if (!on_terminal || ::isatty(STDOUT_FILENO) == 0) return std::nullopt;
  return std::filesystem::path(*on_terminal);
}

void write_whole(const std::filesystem::path& file, std::string_view text) {
  auto name = escaped_utf8(file.native());
  auto directory = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored))
    throw Error(fmt::format("cannot write \"{}\": there is no directory \"{}\"; make it, or name another file", name,
                            escaped_utf8(directory.native())));
  if (std::filesystem::is_directory(file, ignored))
    throw Error(fmt::format("cannot write \"{}\": it is a directory; name a file in it", name));
  // A device or a pipe is written to, never replaced; of a link what it leads to.
  const auto real = written_file(file);
  if (std::filesystem::exists(real, ignored) && !std::filesystem::is_regular_file(real, ignored))
    return write_all(open_at(AT_FDCWD, real, O_WRONLY).get(), text, name);
  try {
    write_file_atomically(real, text, Durable::no);
  } catch (const StoreError& error) {
    throw Error(fmt::format("cannot write the output \"{}\": {}", name, error.what()));
  }
}

void write_output(const Context& context, const std::optional<std::filesystem::path>& file, std::string_view text,
                  std::string_view about) {
  if (!file) return context.print_document(text);
  write_whole(*file, text);
  auto name = escaped_utf8(file->native());
  if (context.json) return print_output_document(context, *file);
  context.print(fmt::format("{}: {}\n", context.styled(Style::bold, name), about));
}

}  // namespace karapace::cli
