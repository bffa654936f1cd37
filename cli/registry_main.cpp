// SPDX-License-Identifier: Apache-2.0
// karapace-registry VERB: speaks to registries and caches for karapace, which must start in a millisecond and loads
// neither libcurl nor what reads layers. The request is JSON on standard input, the answer on standard output
// (exchange/request.hpp); an error is an answer, too (base/json/error_answer.hpp). Standard error is for people.
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/inherited_state.hpp"
#include "base/json/error_answer.hpp"
#include "base/path_error.hpp"
#include "exchange/answering.hpp"

namespace {

using namespace karapace;

std::string answer(std::string_view verb) {
  const auto request = read_all(STDIN_FILENO, "the request");
  if (verb == "look") return text(exchange::look(exchange::parse_look_request(request)));
  if (verb == "take") return text(exchange::take(exchange::parse_take_request(request)));
  if (verb == "pull") return text(exchange::pull(exchange::parse_pull_request(request)));
  if (verb == "prune") return text(exchange::prune(exchange::parse_prune_request(request)));
  if (verb == "push") return text(exchange::push(exchange::parse_push_request(request)));
  if (verb == "offer") return text(exchange::offer(exchange::parse_offer_request(request)));
  throw UsageError("karapace-registry: usage: karapace-registry look|take|pull|prune|push|offer");
}

int fail(const Error& error) {
  fmt::print("{}", error_answer(error));
  return exit_code(error.kind());
}

int run(std::string_view verb) {
  try {
    fmt::print("{}", answer(verb));
    return 0;
  } catch (const Error& error) {
    return fail(error);
  } catch (const std::exception& error) {
    return fail(Error(told_text(error)));
  }
}

}  // namespace

int main(int argc, char** argv) {
  karapace::mend_inherited_state();
  ::umask(022);
  return run(argc == 2 ? argv[1] : "");
}
