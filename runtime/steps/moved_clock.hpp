// SPDX-License-Identifier: Apache-2.0
// MovedClock: another time of day for the commands of a step, to see whether their output depends on it.
//
// A directory tree with a library, /etc/ld.so.preload that names it and a link that tells the offset lies below all
// other layers of the sandbox, so nothing is mounted on the image and nothing of it is captured. An image with an
// /etc/ld.so.preload of its own keeps that one, and the real time. The times of files stay real.
#pragma once

#include <cstdint>
#include <filesystem>

namespace karapace::steps {

struct MovedClock {
  std::int64_t seconds = 0;       // later than it is, at least 0
  std::filesystem::path library;  // runtime/clock/moved_clock.c, built for this machine
};

/// Makes the tree at `place`, which must not exist.
void write_clock_layer(const std::filesystem::path& place, const MovedClock& clock);

}  // namespace karapace::steps
