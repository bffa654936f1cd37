// SPDX-License-Identifier: Apache-2.0
// karapace-fetch: runs one `fetch` edge. karapace-transfer speaks to servers for it.
//
//   karapace-fetch --download URL FILE [SOURCES]   for `karapace lock`: a base archive whose size is not known yet;
//                                                  how to speak to servers is in SOURCES, a mirrors.json
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/inherited_state.hpp"
#include "base/path_error.hpp"
#include "cli/edge_command.hpp"
#include "cli/step_link.hpp"
#include "remote/download.hpp"
#include "remote/fetch_step.hpp"
#include "remote/sources.hpp"

namespace {

int fail(const char* message, int status) {
  std::fprintf(stderr, "karapace-fetch: error: %s\n", karapace::printable(message).c_str());
  return status;
}

karapace::remote::TransferOptions options_from(const std::string& sources) {
  if (sources.empty()) return {};
  return karapace::remote::parse_sources(karapace::read_file(sources), sources).options;
}

}  // namespace

int main(int argc, char** argv) {
  karapace::mend_inherited_state();
  std::vector<std::string> words(argv + (argc > 0), argv + argc);
  try {
    if ((words.size() == 3 || words.size() == 4) && words[0] == "--download") {
      karapace::remote::download_plain(words[1], words[2], options_from(words.size() == 4 ? words[3] : ""));
      return 0;
    }
    auto command = karapace::cli::parse_edge_command(words);
    karapace::remote::run_fetch_step(command.store, command.step, command.hints);
    karapace::cli::make_link(command);
    return 0;
  } catch (const karapace::Error& error) {
    return fail(error.what(), karapace::exit_code(error.kind()));
  } catch (const std::exception& error) {
    return fail(karapace::told_text(error).c_str(), 1);
  }
}
