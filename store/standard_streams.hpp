// SPDX-License-Identifier: Apache-2.0
// Standard streams: descriptors 0, 1 and 2 are always open.
#pragma once

namespace karapace {

/// Opens /dev/null on those of 0, 1 and 2 that the caller has closed. The first thing that every program of ours does:
/// else the next file or directory that it opens takes such a number, and is written to, or handed to a child, as a
/// stream.
void open_missing_streams() noexcept;

}  // namespace karapace
