// SPDX-License-Identifier: Apache-2.0
// karapace-transfer: speaks to servers for karapace-fetch, which starts it (remote/transfer_program.hpp). Apart from
// that, so that libcurl and its thirty libraries are loaded once per build and not once per package.
#include <cstdio>
#include <exception>
#include <string_view>

#include "base/escape.hpp"
#include "base/fd.hpp"
#include "remote/transfer_server.hpp"

namespace {

constexpr int directory_descriptor = 3;

int serve(std::string_view mode) {
  using karapace::Fd;
  if (mode == "--shared") {
    karapace::remote::serve_downloads(Fd(STDIN_FILENO), Fd(directory_descriptor));
  } else if (mode == "--own") {
    karapace::remote::serve_download(Fd(STDIN_FILENO));
  } else {
    std::fputs("karapace-transfer: karapace-fetch starts it; it is of no use by itself\n", stderr);
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return serve(argc == 2 ? argv[1] : "");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "karapace-transfer: error: %s\n", karapace::printable(error.what()).c_str());
    return 1;
  }
}
