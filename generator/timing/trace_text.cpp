// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>

#include <fmt/format.h>

#include "base/json/fields.hpp"
#include "base/words.hpp"
#include "generator/timing/dot_text.hpp"

namespace karapace::timing {

namespace {

// A command of the last build: a step of the graph, or another.
struct Slice {
  Span span;
  std::optional<EdgeIndex> edge;
  std::size_t other = 0;  // of LastBuild::others
};

std::vector<Slice> slices_of(const MeasuredGraph& measured) {
  std::vector<Slice> slices;
  for (auto i : measured.measurements.indices()) {
    if (const auto& last = measured.measurements[i].last) slices.push_back({{last->start, last->end}, i, 0});
  }
  if (measured.last_build) {
    const auto& others = measured.last_build->others;
    for (std::size_t i = 0; i < others.size(); ++i)
      slices.push_back({{others[i].start, others[i].end}, std::nullopt, i});
  }
  std::stable_sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) {
    return std::pair(a.span.start, a.span.end) < std::pair(b.span.start, b.span.end);
  });
  return slices;
}

constexpr int process = 1;
constexpr std::size_t first_thread = 1;

std::int64_t microseconds(Milliseconds time) { return std::chrono::microseconds(time).count(); }

class Writer {
 public:
  Writer(const MeasuredGraph& measured, std::string_view name)
      : measured_(measured), name_(name), slices_(slices_of(measured)), row_of_edge_(measured.measurements.size()) {
    std::vector<Span> spans;
    for (const auto& slice : slices_) spans.push_back(slice.span);
    rows_ = rows_of(spans);
    for (std::size_t i = 0; i < slices_.size(); ++i) {
      if (slices_[i].edge) row_of_edge_[*slices_[i].edge] = rows_[i];
    }
  }

  std::string write() {
    text_.reserve(slices_.size() * 400 + 4096);
    text_ = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[";
    add_names();
    for (std::size_t i = 0; i < slices_.size(); ++i) add_slice(slices_[i], rows_[i]);
    add_arrows();
    text_ += "\n]}\n";
    return std::move(text_);
  }

 private:
  void add(const JsonFields& fields) {
    text_ += text_.back() == '[' ? "\n" : ",\n";
    text_ += fields.object();
  }
  JsonFields event(char phase, std::size_t row) const {
    JsonFields fields;
    fields.string("ph", std::string_view(&phase, 1));
    fields.number("pid", process);
    fields.number("tid", first_thread + row);
    return fields;
  }

  void add_metadata(std::string_view what, std::size_t row, const JsonFields& value) {
    auto fields = event('M', row);
    fields.string("name", what);
    fields.raw("args", value.object());
    add(fields);
  }
  void add_names() {
    JsonFields name;
    name.string("name", name_);
    add_metadata("process_name", 0, name);
    auto count = rows_.empty() ? 0 : *std::max_element(rows_.begin(), rows_.end()) + 1;
    for (std::size_t row = 0; row < count; ++row) {
      JsonFields slot;
      slot.string("name", fmt::format("row {}", row + 1));
      add_metadata("thread_name", row, slot);
      JsonFields order;
      order.number("sort_index", row);
      add_metadata("thread_sort_index", row, order);
    }
  }

  JsonFields arguments(EdgeIndex edge) const {
    const auto& step = measured_.edge(edge);
    JsonFields fields;
    fields.string("key", step.key.hex());
    fields.string("kind", text(step.step.kind));
    if (auto bytes = bytes_of(measured_, edge)) fields.number("bytes", *bytes);
    if (auto packages = packages_of(measured_, edge)) fields.number("packages", *packages);
    fields.boolean("cache_hit", measured_.measurements[edge].last->hit);
    fields.boolean("critical", measured_.measurements[edge].critical);
    return fields;
  }

  void add_slice(const Slice& slice, std::size_t row) {
    auto fields = event('X', row);
    if (slice.edge) {
      bool hit = measured_.measurements[*slice.edge].last->hit;
      fields.string("name", title_of(measured_, *slice.edge));
      fields.string("cat", hit ? "hit" : text(measured_.edge(*slice.edge).step.kind));
      fields.raw("args", arguments(*slice.edge).object());
    } else {
      add_other(fields, measured_.last_build->others[slice.other]);
    }
    fields.number("ts", microseconds(slice.span.start));
    fields.number("dur", microseconds(slice.span.end - slice.span.start));
    add(fields);
  }
  static void add_other(JsonFields& fields, const OtherCommand& command) {
    fields.string("name", command.outputs.front());
    fields.string("cat", "other");
    JsonFields arguments;
    for (std::size_t i = 1; i < command.outputs.size(); ++i) {
      arguments.string(fmt::format("output {}", i + 1), command.outputs[i]);
    }
    fields.raw("args", arguments.object());
  }

  void add_arrow_end(char phase, std::size_t id, EdgeIndex edge, std::int64_t at) {
    auto fields = event(phase, row_of_edge_[edge]);
    fields.string("name", "waited for");
    fields.string("cat", "chain");
    fields.number("id", id);
    fields.number("ts", at);
    if (phase == 'f') fields.string("bp", "e");  // binds to the slice around it, not to the next one
    add(fields);
  }
  /// An arrow binds to the slice in which its ends lie, and a slice's end is no longer in it.
  void add_arrows() {
    auto chain = waited_for(measured_);
    for (std::size_t i = 1; i < chain.size(); ++i) {
      const auto& from = *measured_.measurements[chain[i - 1]].last;
      const auto& to = *measured_.measurements[chain[i]].last;
      auto leave = std::max(microseconds(from.start), microseconds(from.end) - 1);
      add_arrow_end('s', i, chain[i - 1], leave);
      add_arrow_end('f', i, chain[i], microseconds(to.start));
    }
  }

  const MeasuredGraph& measured_;
  std::string_view name_;
  std::vector<Slice> slices_;
  std::vector<std::size_t> rows_;     // of each slice
  PerEdge<std::size_t> row_of_edge_;  // of those that ran
  std::string text_;
};

}  // namespace

std::vector<std::size_t> rows_of(std::span<const Span> spans) {
  std::vector<std::size_t> order(spans.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return spans[a].start < spans[b].start; });
  using Busy = std::pair<Milliseconds, std::size_t>;  // until when, row
  std::priority_queue<Busy, std::vector<Busy>, std::greater<>> busy;
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> free;
  std::vector<std::size_t> rows(spans.size());
  std::size_t count = 0;
  for (auto index : order) {
    for (; !busy.empty() && busy.top().first <= spans[index].start; busy.pop()) free.push(busy.top().second);
    if (free.empty()) free.push(count++);
    rows[index] = free.top();
    free.pop();
    busy.emplace(spans[index].end, rows[index]);
  }
  return rows;
}

std::vector<EdgeIndex> waited_for(const MeasuredGraph& measured) {
  auto end_of = [&](EdgeIndex edge) {
    const auto& last = measured.measurements[edge].last;
    return last ? last->end : Milliseconds(-1);
  };
  std::optional<EdgeIndex> at;
  for (auto i : measured.measurements.indices()) {
    if (measured.measurements[i].last && (!at || end_of(i) >= end_of(*at))) at = i;
  }
  std::vector<EdgeIndex> chain;
  while (at) {
    chain.push_back(*at);
    std::optional<EdgeIndex> latest;
    for (auto input : measured.inputs[*at]) {
      bool before = measured.measurements[input].last && end_of(input) <= measured.measurements[*at].last->start;
      if (before && (!latest || end_of(input) > end_of(*latest))) latest = input;
    }
    at = latest;
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

std::string trace_text(const MeasuredGraph& measured, std::string_view name) { return Writer(measured, name).write(); }

}  // namespace karapace::timing
