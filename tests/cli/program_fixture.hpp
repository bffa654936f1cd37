// SPDX-License-Identifier: Apache-2.0
// The real karapace, run on the fixture's store.
#pragma once

#include <array>
#include <cstdio>
#include <string>

#include <fmt/format.h>
#include <sys/wait.h>

#include "tests/store/store_fixture.hpp"

namespace karapace::cli {

class ProgramTest : public store::StoreTest {
 protected:
  struct Result {
    int status = -1;
    std::string output;  // standard output and error
  };
  Result karapace(const std::string& arguments) const {
    const auto command = fmt::format("{} --store '{}' {} 2>&1", KARAPACE_PROGRAM, store_.root().native(), arguments);
    auto* stream = ::popen(command.c_str(), "r");
    std::string text;
    std::array<char, 4096> buffer{};
    for (std::size_t got; (got = std::fread(buffer.data(), 1, buffer.size(), stream)) > 0;)
      text.append(buffer.data(), got);
    return {WEXITSTATUS(::pclose(stream)), text};
  }
};

}  // namespace karapace::cli
