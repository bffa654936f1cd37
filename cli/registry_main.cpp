// SPDX-License-Identifier: Apache-2.0
// karapace-registry VERB: speaks to registries and caches for karapace, which must start in a millisecond and loads
// neither libcurl nor what reads layers. The first line of standard input says how this user's configuration has
// servers asked, as mirrors.json does (remote/sources.hpp; it may hold a proxy's password, which no argument must). The
// request is JSON after it, the answer on standard output (exchange/request.hpp); an error is an answer, too
// (base/json/error_answer.hpp). Standard error is for people.
#include <algorithm>
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
#include "remote/sources.hpp"

namespace {

using namespace karapace;

std::string answer(std::string_view verb) {
  const auto input = read_all(STDIN_FILENO, "the request");
  const auto line = std::string_view(input).substr(0, input.find('\n'));
  const auto request = std::string_view(input).substr(std::min(line.size() + 1, input.size()));
  const exchange::Places places(remote::parse_sources(line, "what karapace-registry was told of servers").options);
  if (verb == "look") return text(exchange::look(places, exchange::parse_look_request(request)));
  if (verb == "take") return text(exchange::take(places, exchange::parse_take_request(request)));
  if (verb == "pull") return text(exchange::pull(places, exchange::parse_pull_request(request)));
  if (verb == "verify") return text(exchange::verify(places, exchange::parse_verify_request(request)));
  if (verb == "prune") return text(exchange::prune(places, exchange::parse_prune_request(request)));
  if (verb == "push") return text(exchange::push(places, exchange::parse_push_request(request)));
  if (verb == "challenge") return text(exchange::challenge(places, exchange::parse_challenge_request(request)));
  if (verb == "offer") return text(exchange::offer(places, exchange::parse_offer_request(request)));
  throw UsageError("karapace-registry: usage: karapace-registry look|take|challenge|pull|verify|prune|push|offer");
}

}  // namespace

int main(int argc, char** argv) {
  karapace::mend_inherited_state();
  ::umask(022);
  return karapace::print_answer("karapace-registry", [&] { return answer(argc == 2 ? argv[1] : ""); });
}
