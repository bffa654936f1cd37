// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <string>

#include <zlib.h>

int main() {
  const std::string text(1000, 'x');
  uLongf size = compressBound(text.size());
  std::string compressed(size, '\0');
  const int result = compress(reinterpret_cast<Bytef*>(compressed.data()), &size,
                              reinterpret_cast<const Bytef*>(text.data()), text.size());
  std::cout << "zlib " << zlibVersion() << ": " << text.size() << " bytes become " << size << '\n';
  return result == Z_OK ? 0 : 1;
}
