// SPDX-License-Identifier: Apache-2.0
// A list of work that grows while it is worked on, as the directories of a tree do.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace karapace {

template <class Item>
class WorkList {
 public:
  explicit WorkList(Item first) { items_.push_back(std::move(first)); }

  /// Calls `work(item, thread)` for every item from up to `threads` threads (numbered from 0), until none is left and
  /// nobody works on one that could bring more. The last one added comes first: of a tree, few directories wait. The
  /// first exception is thrown again when all threads have stopped; what was not begun by then is left out.
  void run(unsigned threads, const std::function<void(Item&, unsigned)>& work) {
    {
      std::vector<std::jthread> others;
      for (unsigned i = 1; i < threads; ++i) others.emplace_back([this, &work, i] { take_all(work, i); });
      take_all(work, 0);
    }
    if (failure_) std::rethrow_exception(failure_);
  }

  /// For `work`: more to do.
  void add(std::vector<Item> found) {
    if (found.empty()) return;
    std::lock_guard guard(mutex_);
    if (failure_) return;
    std::move(found.begin(), found.end(), std::back_inserter(items_));
    changed_.notify_all();
  }

 private:
  void take_all(const std::function<void(Item&, unsigned)>& work, unsigned thread) {
    while (auto item = take()) {
      try {
        work(*item, thread);
      } catch (...) {
        std::lock_guard guard(mutex_);
        if (!failure_) failure_ = std::current_exception();
        items_.clear();
      }
      std::lock_guard guard(mutex_);
      if (--working_ == 0) changed_.notify_all();
    }
  }

  std::optional<Item> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !items_.empty() || working_ == 0 || failure_; });
    if (items_.empty() || failure_) return std::nullopt;
    std::optional<Item> item(std::move(items_.back()));
    items_.pop_back();
    ++working_;
    return item;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Item> items_;
  unsigned working_ = 0;
  std::exception_ptr failure_;
};

}  // namespace karapace
