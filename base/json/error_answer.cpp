// SPDX-License-Identifier: Apache-2.0
#include "base/json/error_answer.hpp"

#include <cstdio>
#include <exception>

#include <fmt/format.h>

#include "base/json/record.hpp"
#include "base/path_error.hpp"

namespace karapace {

namespace {

struct Reported {
  std::string code;
  std::string message;
};
struct Answer {
  Reported error;
};
constexpr auto reported_fields =
    fields_of<Reported>(member("code", &Reported::code), member("message", &Reported::message, escaped_bytes));
constexpr auto answer_fields = fields_of<Answer>(member("error", &Answer::error, reported_fields));

bool is_failure(std::string_view text) {
  try {
    return JsonReader(text, "answer").first_name() == "error";
  } catch (const LockError&) {
    return false;
  }
}

ErrorKind kind_from(std::string_view code) {
  for (auto kind : {ErrorKind::usage, ErrorKind::not_found, ErrorKind::manifest, ErrorKind::graph, ErrorKind::lock,
                    ErrorKind::store, ErrorKind::step, ErrorKind::sandbox, ErrorKind::remote}) {
    if (code_text(kind) == code) return kind;
  }
  return ErrorKind::general;
}

[[noreturn]] void throw_error(ErrorKind kind, const std::string& message) {
  switch (kind) {
    case ErrorKind::not_found: throw NotFoundError(message);
    case ErrorKind::manifest: throw ManifestError(message);
    case ErrorKind::lock: throw LockError(message);
    case ErrorKind::store: throw StoreError(message);
    case ErrorKind::step: throw StepError(message);
    case ErrorKind::remote: throw RemoteError(message);
    default: throw Error(message, kind);
  }
}

}  // namespace

std::string error_answer(const Error& error) {
  return json_text(answer_fields, Answer{{std::string(code_text(error.kind())), error.what()}});
}

void throw_if_error_answer(std::string_view answer) {
  if (!is_failure(answer)) return;
  const auto error = parse_json(answer_fields, answer, "answer").error;
  throw_error(kind_from(error.code), error.message);
}

int print_answer(std::string_view what, const std::function<std::string()>& answer) {
  const auto fail = [](const Error& error) {
    fmt::print("{}", error_answer(error));
    return exit_code(error.kind());
  };
  try {
    fmt::print("{}\n", answer());
    return 0;
  } catch (const Error& error) {
    return fail(error);
  } catch (const std::exception& error) {
    return fail(Error(fmt::format("{}: {}", what, told_text(error))));
  }
}

}  // namespace karapace
