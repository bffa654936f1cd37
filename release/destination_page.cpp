// SPDX-License-Identifier: Apache-2.0

#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/escape.hpp"
#include "base/words.hpp"
#include "release/upkeep.hpp"

namespace karapace::release {

namespace {

constexpr std::string_view head = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{0}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 1rem auto; max-width: 50rem; padding: 0 1rem; color: #222; background: #fff }}
h2 {{ font-size: 1.1rem; margin: 0 }}
section {{ border-top: 1px solid #ccc; padding: .8rem 0 }}
code, td {{ overflow-wrap: anywhere }}
.link {{ background: #e4ecf7; border-radius: .3rem; padding: .1rem .4rem; margin-right: .2rem; display: inline-block }}
.about {{ color: #555; margin: .2rem 0 }}
table {{ border-collapse: collapse }}
td {{ padding: .1rem .8rem .1rem 0; vertical-align: top }}
@media (prefers-color-scheme: dark) {{
  body {{ color: #ddd; background: #181818 }}
  .link {{ background: #2a3a52 }}
  .about {{ color: #aaa }}
  a {{ color: #8ab4f8 }}
}}
</style>
</head>
<body>
<h1>{0}</h1>
<p class="about"><code>{1}</code></p>
)";

/// Text as HTML has it.
std::string html_text(std::string_view text) {
  std::string html;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': html += "&amp;"; break;
      case '<': html += "&lt;"; break;
      case '>': html += "&gt;"; break;
      case '"': html += "&quot;"; break;
      default: html += c;
    }
  }
  return html;
}

/// In universal time: a page is read anywhere.
std::string date(std::optional<std::int64_t> seconds) {
  if (!seconds) return "date not known";
  const auto time = static_cast<std::time_t>(*seconds);
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  return fmt::format("{:%Y-%m-%d %H:%M} UTC", utc);
}

std::string package_row(const store::ReleasePackage& package, const LogPlaces& logs) {
  const auto log = logs.find(package.entry);
  return fmt::format("<tr><td>{}</td><td>{}</td><td><code>{}</code></td><td>{}</td></tr>\n", html_text(package.name),
                     html_text(package.version), html_text(package.entry.substr(0, 12)),
                     log == logs.end() ? "" : fmt::format("<a href=\"{}\">build log</a>", html_text(log->second)));
}

std::string section(const Destination& destination, const std::string& version, const std::vector<std::string>& aliases,
                    const LogPlaces& logs) {
  const auto document = destination.readable_document(version);
  std::string text = fmt::format("<section id=\"{0}\">\n<h2>{0}</h2>\n<p>", html_text(version));
  for (const auto& alias : aliases) text += fmt::format("<span class=\"link\">{}</span>", html_text(alias));
  if (!document)
    return fmt::format("{}</p>\n<p class=\"about\">its {} can not be read</p>\n</section>\n", text,
                       store::release_document_file);
  std::vector<std::string> entries;
  std::string rows;
  for (const auto& package : document->packages) {
    entries.push_back(package.entry);
    rows += package_row(package, logs);
  }
  text += fmt::format("</p>\n<p class=\"about\">{}, {}, environment <code>{}</code></p>\n",
                      date(destination.installed_at(version)), size_text(size_of_entries(destination, entries)),
                      document->environment.short_hex());
  return text + fmt::format("<details><summary>{}</summary>\n<table>\n{}</table>\n</details>\n</section>\n",
                            counted(document->packages.size(), "package"), rows);
}

}  // namespace

std::string destination_page(const Destination& destination, const LogPlaces& logs) {
  auto versions = destination.versions();
  const auto highest = versions.empty() ? std::nullopt : destination.readable_document(versions.back());
  const auto name = highest ? highest->name : destination.root().filename().native();
  auto page = fmt::format(head, html_text(name), html_text(destination.root().native()));
  if (versions.empty()) page += "<p>No version is installed.</p>\n";
  auto aliases = aliases_by_target(destination);
  for (auto version = versions.rbegin(); version != versions.rend(); ++version)
    page += section(destination, *version, aliases[*version], logs);
  return page + "</body>\n</html>\n";
}

}  // namespace karapace::release
