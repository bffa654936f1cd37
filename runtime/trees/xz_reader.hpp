// SPDX-License-Identifier: Apache-2.0
// XzReader: what is in an xz file, decompressed by several processors at once.
//
// Debian's packages are compressed in blocks of 24 MB that do not depend on each other, so a large one is unpacked in
// half the time by two processors, as dpkg-deb does it. For small ones it would only cost memory: those are left to
// libarchive.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "runtime/trees/archive_reader.hpp"

namespace karapace::trees {

class XzReader {
 public:
  /// `label`: for messages.
  XzReader(ByteSource source, std::string label);
  ~XzReader();

  /// As ByteSource. StepError with the label when the file is damaged or cut off, or wants more than 1 GiB of memory.
  std::size_t read(std::span<char> buffer);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace karapace::trees
