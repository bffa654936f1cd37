// SPDX-License-Identifier: Apache-2.0
// Working through a list with several threads.
#pragma once

#include <cstddef>
#include <functional>

namespace karapace {

/// As many threads as this process may run at once, at least 1.
unsigned available_threads() noexcept;

/// Calls `work(0)` to `work(count - 1)`, each once, from up to `threads` threads. The first exception is thrown again
/// when all threads have stopped; what was not begun by then is left out.
void for_each_index(std::size_t count, unsigned threads, const std::function<void(std::size_t)>& work);

}  // namespace karapace
