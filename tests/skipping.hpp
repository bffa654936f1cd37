// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>

#include <gtest/gtest.h>

/// Skips a test that this machine can not run, but fails it where CI is set: there nothing may go untested.
#define KARAPACE_SKIP_TEST(reason)                        \
  {                                                       \
    if (std::getenv("CI") != nullptr) FAIL() << (reason); \
    GTEST_SKIP() << (reason);                             \
  }
