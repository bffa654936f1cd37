// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/child.hpp"
#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/instance_trees.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string environment;
  std::vector<std::string> snapshots;
  bool patch = false;
  bool stat = false;
};

constexpr std::size_t largest_text = 4 << 20;  // of a file that a patch shows

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.positional("SNAPSHOT", arguments.snapshots,
                     "from this snapshot to now, or from the first to the second: ids or their beginnings");
  options.flag("-p,--patch", arguments.patch, "show what changed in text files, as diff -u does");
  options.flag("--stat", arguments.stat, "show only how much changed");
}

std::string_view type_text(store::EntryType type) {
  switch (type) {
    case store::EntryType::directory: return "directory";
    case store::EntryType::symlink: return "link";
    case store::EntryType::fifo: return "fifo";
    default: return "file";
  }
}

/// What is shown in one place and another, as trees, bottom first.
struct Sides {
  std::vector<fs::path> before;
  std::vector<fs::path> after;
  std::optional<store::Snapshot> from = std::nullopt;  // else the environment as it was built
  std::optional<store::Snapshot> to = std::nullopt;    // else the instance as it is now
};

/// What changed in the text of files.
class Patches {
 public:
  explicit Patches(const Sides& sides) : sides_(sides) {}

  /// A unified diff; nothing when the content is the same, or no text that people read.
  std::optional<std::string> of(const store::Change& change) const {
    const bool is_removed = change.kind == store::ChangeKind::removed;
    const auto before = text_in(sides_.before, change.from.empty() ? change.path : change.from);
    const auto after = is_removed ? std::string() : text_in(sides_.after, change.path);
    if (!before || !after || *before == *after) return std::nullopt;
    write_file_atomically(directory_.path() / "before", *before, Durable::no);
    write_file_atomically(directory_.path() / "after", *after, Durable::no);
    const auto path = escaped_utf8(change.path);
    const auto from = change.from.empty() ? path : escaped_utf8(change.from);
    const bool is_added = change.kind == store::ChangeKind::added;
    return run({.argv = {"diff", "-u", "--label", is_added ? "/dev/null" : "a/" + from, "--label",
                         is_removed ? "/dev/null" : "b/" + path, (directory_.path() / "before").string(),
                         (directory_.path() / "after").string()},
                .working_directory = {}});
  }

 private:
  static std::string run(const ChildCommand& command) {
    const auto result = capture_child(command);
    constexpr int same = 0, different = 1, missing = 127;
    if (result.status == missing) throw Error("diff: --patch needs the program diff (Debian: apt install diffutils)");
    if (result.status != same && result.status != different)
      throw Error(fmt::format("diff: the program diff failed: {}", result.errors));
    return result.output;
  }

  /// Nothing when it is no text; "" when there is no file.
  static std::optional<std::string> text_in(const std::vector<fs::path>& trees, const std::string& path) {
    const auto file = store::open_shown(trees, path);
    return file ? text_in(file->get(), path) : std::optional(std::string());
  }

  static std::optional<std::string> text_in(int file, const std::string& path) {
    struct stat status{};
    if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode) ||
        static_cast<std::size_t>(status.st_size) > largest_text)
      return std::nullopt;
    auto text = read_all(file, path, largest_text);
    if (text.find('\0') != text.npos) return std::nullopt;
    return text;
  }

  const Sides& sides_;
  TemporaryDirectory directory_;
};

nlohmann::json json_of(const store::Change& change, const Patches* patches) {
  nlohmann::json json = {{"aspects", change.aspects},
                         {"change", text(change.kind)},
                         {"from", change.from.empty() ? nlohmann::json() : nlohmann::json(shown_path(change.from))},
                         {"patch", nullptr},
                         {"path", shown_path(change.path)},
                         {"size_bytes", change.size},
                         {"type", type_text(change.type)}};
  if (patches == nullptr || change.type != store::EntryType::regular) return json;
  if (const auto patch = patches->of(change))
    for (const auto line : lines(*patch)) json["patch"].push_back(escaped_utf8(line));
  return json;
}

struct Line {
  char mark;
  Style style;
};
Line line_of(store::ChangeKind kind) {
  switch (kind) {
    case store::ChangeKind::added: return {'+', Style::green};
    case store::ChangeKind::removed: return {'-', Style::red};
    case store::ChangeKind::renamed: return {'>', Style::cyan};
    case store::ChangeKind::modified: break;
  }
  return {'~', Style::yellow};
}

void print_change(const Context& context, const store::Change& change) {
  const auto [mark, style] = line_of(change.kind);
  auto rest = shown_path(change.path);
  if (change.type == store::EntryType::directory && !change.path.empty()) rest += '/';
  if (!change.from.empty()) rest += fmt::format(" (was {})", shown_path(change.from));
  if (!change.aspects.empty()) rest += fmt::format(" ({})", fmt::join(change.aspects, ", "));
  context.print(fmt::format("{}\n", context.styled(style, fmt::format("{} {}", mark, rest))));
}

std::string summary(const store::Changes& changes) {
  std::array<std::size_t, 4> counts{};
  std::uint64_t bytes = 0;
  for (const auto& change : changes.changes) {
    ++counts.at(static_cast<std::size_t>(change.kind));
    if (change.kind != store::ChangeKind::removed) bytes += change.size;
  }
  return fmt::format("{} added, {} modified, {} removed, {} renamed; {}", counts[0], counts[1], counts[2], counts[3],
                     size_text(bytes));
}

void print_changes(const Context& context, const store::Changes& changes, const Sides& sides,
                   const Arguments& arguments) {
  const auto patches = arguments.patch ? std::optional<Patches>(std::in_place, sides) : std::nullopt;
  for (const auto& change : changes.changes) {
    if (arguments.stat) break;
    print_change(context, change);
    if (!patches || change.type != store::EntryType::regular) continue;
    if (const auto patch = patches->of(change)) context.print(*patch);
  }
  context.print(fmt::format("{}\n", summary(changes)));
}

std::vector<fs::path> with(std::vector<fs::path> trees, fs::path top) {
  trees.push_back(std::move(top));
  return trees;
}

Sides sides_of(const store::Store& store, const InstanceTrees& trees, const Arguments& arguments) {
  Sides sides{trees.layers, with(trees.layers, trees.instance().upper())};
  const auto& words = arguments.snapshots;
  if (words.size() > 2) throw UsageError("diff: give one snapshot, which is compared with now, or two");
  const auto shown_in = [&](const store::Snapshot& snapshot) {
    return with(trees_or_refuse(store, snapshot.environment), snapshot.tree());
  };
  if (!words.empty()) {
    sides.from = store::find_snapshot(trees.instance(), words[0]);
    sides.before = shown_in(*sides.from);
  }
  if (words.size() == 2) {
    sides.to = store::find_snapshot(trees.instance(), words[1]);
    sides.after = shown_in(*sides.to);
  }
  return sides;
}

store::Changes changes_of(const InstanceTrees& trees, const Sides& sides) {
  if (!sides.from) return find_changes(trees, "diff");
  const store::ChangesOptions options{
      .owners = trees.owners,
      .label = "diff",
      .threads = available_threads(),
      .scaffold = sides.to ? store::scaffold_of(*sides.to) : store::read_scaffold(trees.instance().current)};
  return store::changes_between(sides.before, sides.after, store::scaffold_of(*sides.from), options);
}

/// Layers of two environments may differ in much more than what a person changed.
void tell_of_environments(const Context& context, const InstanceTrees& trees, const Sides& sides) {
  if (!sides.from) return;
  const auto& before = sides.from->environment;
  const auto& after = sides.to ? sides.to->environment : trees.instance().current.environment;
  if (before != after)
    context.tell(
        fmt::format("the one is above the environment {}, the other above {}: what differs between these is "
                    "told as well",
                    before.short_hex(), after.short_hex()));
}

nlohmann::json id_json(const std::optional<store::Snapshot>& snapshot) {
  return snapshot ? nlohmann::json(snapshot->id.hex()) : nlohmann::json();
}

std::string nothing_differs(const Sides& sides, const std::string& name) {
  if (!sides.from) return fmt::format("nothing differs from the environment in {}\n", name);
  if (!sides.to) return fmt::format("{} is as in the snapshot {}\n", name, sides.from->id.short_hex());
  return fmt::format("nothing differs between the snapshots {} and {}\n", sides.from->id.short_hex(),
                     sides.to->id.short_hex());
}

int run(const Context& context, const Arguments& arguments) {
  const auto store = context.open_store(store::Store::Access::read_only);
  const auto trees = hold_trees(store, arguments.environment);
  const auto no_removal = store::hold_snapshots(trees.instance());
  const auto sides = sides_of(store, trees, arguments);
  const auto changes = changes_of(trees, sides);
  tell_of_environments(context, trees, sides);
  if (context.json) {
    const auto patches = arguments.patch ? std::optional<Patches>(std::in_place, sides) : std::nullopt;
    auto list = nlohmann::json::array();
    for (const auto& change : changes.changes) list.push_back(json_of(change, patches ? &*patches : nullptr));
    auto left_out = nlohmann::json::array();
    for (const auto& path : changes.left_out) left_out.push_back(shown_path(path));
    context.print_json("karapace.diff", {{"changes", std::move(list)},
                                         {"environment", trees.instance().current.environment.hex()},
                                         {"from_snapshot", id_json(sides.from)},
                                         {"instance", trees.instance().id},
                                         {"left_out", std::move(left_out)},
                                         {"to_snapshot", id_json(sides.to)}});
    return 0;
  }
  tell_left_out(context, changes.left_out);
  if (changes.changes.empty()) {
    context.print(nothing_differs(sides, escaped_utf8(trees.name)));
    return 0;
  }
  print_changes(context, changes, sides, arguments);
  return 0;
}

}  // namespace

Command diff_command() {
  return make_command<Arguments>(
      {.name = "diff",
       .group = Group::using_,
       .summary = "Show what was changed in an instance",
       .description =
           "Everything that differs from the environment: + added, ~ modified (in what), - removed, > renamed. A\n"
           "directory that was removed stands for all in it. What sessions put there themselves is left out while\n"
           "it is untouched. With --patch the changes of text files up to 4 MiB follow. Sessions may run.\n\n"
           "With a snapshot: what was changed since that, with two: from the first to the second. A renamed file\n"
           "is told as removed and added then.",
       .examples = {{"karapace diff .", "in the environment of the manifest here"},
                    {"karapace diff hello --patch", "with what changed in text files"},
                    {"karapace diff hello 3f9c", "since the snapshot whose id begins so"},
                    {"karapace diff hello 3f9c 81d2 --patch", "between two snapshots"}}},
      declare, run);
}

}  // namespace karapace::cli
