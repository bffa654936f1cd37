// SPDX-License-Identifier: Apache-2.0
// Replays the files of the directories that are given, and each of them cut short and with bits turned.
#include <cstdio>
#include <filesystem>
#include <string>

#include "base/file.hpp"
#include "tests/fuzz/target.hpp"

namespace {

void replay(const std::string& text) {
  karapace::fuzz_one(text);
  std::size_t stride = text.size() / 200 + 1;
  for (std::size_t i = 0; i < text.size(); i += stride) {
    karapace::fuzz_one(std::string_view(text).substr(0, i));
    auto turned = text;
    turned[i] = static_cast<char>(turned[i] ^ (1 << (i % 8)));
    karapace::fuzz_one(turned);
  }
}

}  // namespace

int main(int argc, char** argv) {
  int files = 0;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::exists(argv[i])) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      replay(karapace::read_file(entry.path()));
      ++files;
    }
  }
  std::printf("%d files\n", files);
  return files == 0 ? 1 : 0;
}
