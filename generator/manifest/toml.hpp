// SPDX-License-Identifier: Apache-2.0
// toml++ as we use it: header-only, without exceptions, and safe on text that nobody has looked at.
//
// Its parser assumes in places what it checks a few lines later (3.3: the first byte after "["). With assertions such
// text aborts the program, without them it is undefined behaviour; so the assumption is taken out and the check
// decides. Costs about 1.5 s of compile time: include it in few .cpp files.
#pragma once

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_HEADER_ONLY 1
#include <toml++/impl/preprocessor.h>
#undef TOML_ASSERT_ASSUME
#define TOML_ASSERT_ASSUME(expression) static_cast<void>(0)
#include <toml++/toml.h>
