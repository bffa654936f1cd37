// SPDX-License-Identifier: Apache-2.0
// show FILE...: prints files.  show --words WORD...: prints each word in brackets.  show --fail: ends with 3.
#include <cstdio>
#include <cstring>

static int print(const char* path) {
  std::FILE* file = std::fopen(path, "r");
  if (file == nullptr) return std::perror(path), 1;
  for (int c; (c = std::fgetc(file)) != EOF;) std::putchar(c);
  return std::fclose(file);
}

int main(int argc, char** argv) {
  bool words = argc > 1 && std::strcmp(argv[1], "--words") == 0;
  if (argc > 1 && std::strcmp(argv[1], "--fail") == 0) return 3;
  for (int i = words ? 2 : 1; i < argc; ++i) {
    if (words) {
      std::printf("[%s]\n", argv[i]);
    } else if (int status = print(argv[i]); status != 0) {
      return status;
    }
  }
  return 0;
}
