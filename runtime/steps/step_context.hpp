// SPDX-License-Identifier: Apache-2.0
// What every kind of step is given, and the table of kinds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/sandbox/id_mode.hpp"
#include "store/staging.hpp"
#include "store/store.hpp"

namespace karapace::steps {

/// Another time of day for the commands of a step, to see whether their output depends on it.
///
/// A directory tree with a library, /etc/ld.so.preload that names it and a link that tells the offset lies below all
/// other layers of the sandbox, so nothing is mounted on the image and nothing of it is captured. An image with an
/// /etc/ld.so.preload of its own keeps that one, and the real time. The times of files stay real.
struct MovedClock {
  std::int64_t seconds = 0;       // later than it is, at least 0
  std::filesystem::path library;  // runtime/clock/moved_clock.c, built for this machine
};

struct StepContext {
  const store::Store& store;
  const store::Staging& staging;  // made for this step: it keeps the inputs from gc until the record is written
  const Step& step;
  StepKey key;
  sandbox::IdMode id_mode{};                              // the process is already root of its user namespace
  std::map<std::string, std::string, std::less<>> hints;  // not part of the key
  std::optional<MovedClock> clock = std::nullopt;         // of the commands; not part of the key either
  std::function<void(const std::string&)> note = {};      // told a line for who builds; may be empty

  /// A hint's value, or the fallback.
  std::string hint(std::string_view name, std::string fallback) const;
};

/// Each makes the step's output in the store and returns it; the caller writes the record.
StepOutput unpack(const StepContext& context);
StepOutput install(const StepContext& context);
StepOutput setup(const StepContext& context);
StepOutput commit(const StepContext& context);
StepOutput pack(const StepContext& context);
StepOutput environment(const StepContext& context);
StepOutput source(const StepContext& context);
StepOutput compile(const StepContext& context);
StepOutput assemble(const StepContext& context);

/// The value of a parameter that is a decimal number; StepError when it is not.
std::int64_t number_parameter(const Step& step, std::string_view name);
/// StepError when the step asks for the results of other rules than this release has: another one wrote the graph.
void check_rules(const Step& step);
/// The layers that the first `count` inputs made, bottom first. One that stands there more than once, as empty layers
/// of images do, counts where it stands highest: that hides what it hides lower, and overlayfs takes no tree twice.
std::vector<LayerId> layers_of_inputs(const StepContext& context, std::size_t count);
struct BaseLayers {
  std::size_t inputs = 0;  // how many of the first they are made by: the parameter `base-layers`
  std::vector<LayerId> layers;
};
BaseLayers base_layers(const StepContext& context);

}  // namespace karapace::steps
