// SPDX-License-Identifier: Apache-2.0
// A store in a temporary directory, and real things in it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "store/environment.hpp"
#include "store/root.hpp"
#include "store/store.hpp"

namespace karapace::store {

Listing scan_path(const std::filesystem::path& tree, unsigned threads = 1);

/// A step without inputs that "fetches" the content.
Step fetch_step_of(std::string_view content);
/// Adds the blob and the record.
StepRecord fetch(const Store& store, std::string_view content);

/// An unpack step of that fetch; its layer holds bin/file with the content. Adds what is missing.
Step unpack_step_of(std::string_view content);
StepRecord unpack(const Store& store, std::string_view content);

/// Fetches, unpacks and an environment of them, named by the content.
Environment environment_of(const Store& store, std::string_view content);
/// A root that names the environment and all its steps.
Root root_of(const Environment& environment, std::string_view name);

/// The message of the Error that `action` throws; fails the test when it throws none.
std::string error_of(const std::function<void()>& action);

/// Runs `child` in a new process that ends with its result.
pid_t fork_child(const std::function<int()>& child);
/// The exit status of a child; -1 when it was killed.
int wait_for(pid_t child);

/// Changes one byte in the middle of a file, whatever its mode.
void flip_byte(const std::filesystem::path& path);

class StoreTest : public ::testing::Test {
 protected:
  TemporaryDirectory temporary_;
  Store store_ = Store::open(temporary_.path() / "store", Store::Access::create);
};

}  // namespace karapace::store
