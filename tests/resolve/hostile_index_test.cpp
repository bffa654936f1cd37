// SPDX-License-Identifier: Apache-2.0
// Archives whose indexes nobody should make: what apt says of each, and what we say.
//
// docs/resolving.md tells where the two differ, and why.
#include <functional>

#include <gmock/gmock.h>

#include "base/file.hpp"
#include "tests/resolve/resolve_fixture.hpp"

namespace karapace::testing {
namespace {

enum class Apt { takes, refuses };

struct Case {
  const char* title;
  std::function<void(std::string&)> edit;
  Apt apt;
  std::string said;  // its beginning; "" when it is taken
};

void replace(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

std::function<void(std::string&)> replaced(std::string from, std::string to) {
  return [from = std::move(from), to = std::move(to)](std::string& text) { replace(text, from, to); };
}
std::function<void(std::string&)> with_line(std::string line) {
  return [line = std::move(line)](std::string& text) { text += line; };
}
/// The value of a field of one line.
std::function<void(std::string&)> with_value(std::string field, std::string value) {
  return [field = std::move(field), value = std::move(value)](std::string& text) {
    const auto at = text.find("\n" + field + ": ") + 1;
    ASSERT_NE(at, std::string::npos + 1) << field;
    text.replace(at, text.find('\n', at) - at, field + ": " + value);
  };
}
std::function<void(std::string&)> without(std::string field) {
  return [field = std::move(field)](std::string& text) {
    const auto at = text.find("\n" + field + ":") + 1;
    auto end = text.find('\n', at) + 1;
    while (text[end] == ' ') end = text.find('\n', end) + 1;
    text.erase(at, end - at);
  };
}

class HostileIndexes : public ResolveFixture {
 protected:
  HostileIndexes() { archive.add(suite, {.name = "wanted"}); }

  std::filesystem::path packages() const {
    return archive.root() / "dists" / suite.name / suite.component / "binary-amd64" / "Packages";
  }

  /// What resolving says; "" when it is taken.
  std::string ours() {
    auto wanted = request({"wanted"});
    wanted.cache = fresh_cache();
    wanted.mirrors.acquisition.check_date = check_date_;
    try {
      resolve::resolve(wanted);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  /// What apt itself does with the same archive.
  Apt of_apt() {
    const auto root = directory.path() / ("apt" + std::to_string(++caches));
    for (const char* name : {"lists/partial", "cache/archives/partial", "etc"})
      std::filesystem::create_directories(root / name);
    write_text(root / "status", "");
    write_text(root / "sources", "deb [signed-by=" + (directory.path() / "archive.gpg").string() + " arch=amd64] " +
                                     archive.url() + " sid main\n");
    const auto apt =
        "apt-get -qq -o Dir::Etc=" + (root / "etc").string() +
        " -o Dir::Etc::SourceList=" + (root / "sources").string() +
        " -o Dir::State::Lists=" + (root / "lists").string() + " -o Dir::State::Status=" + (root / "status").string() +
        " -o Dir::Cache=" + (root / "cache").string() +
        " -o APT::Sandbox::User=root -o APT::Architecture=amd64 -o APT::Update::Error-Mode=any" +
        " -o Acquire::Check-Valid-Until=true -o Acquire::Check-Date=" + (check_date_ ? "true" : "false") + " ";
    const auto line = "{ " + apt + "update && " + apt + "--print-uris -y install wanted; } </dev/null >" +
                      (root / "said").string() + " 2>&1";
    return std::system(line.c_str()) == 0 ? Apt::takes : Apt::refuses;
  }

  void expect(const Case& one) {
    EXPECT_EQ(of_apt() == Apt::takes ? "apt takes it" : "apt refuses it",
              std::string(one.apt == Apt::takes ? "apt takes it" : "apt refuses it"))
        << one.title;
    const auto said = ours();
    EXPECT_EQ(one.said.empty() ? said : said.substr(0, one.said.size()), one.said) << one.title << ": " << said;
    EXPECT_LT(said.size(), 1500U) << one.title;
  }

  /// Of each, the Release is as edited, and signed.
  void expect_releases(const std::vector<Case>& cases) {
    archive.publish(suite);
    expect_edited(cases, archive.release(suite), [this] {
      std::filesystem::remove(archive.in_release(suite));
      keys.clearsign(suite.signers, archive.release(suite), archive.in_release(suite), "");
    });
  }

  /// Of each, the InRelease is edited after it was signed.
  void expect_signed(const std::vector<Case>& cases) {
    archive.publish(suite);
    expect_edited(cases, archive.in_release(suite), [] {});
  }

  void expect_edited(const std::vector<Case>& cases, const std::filesystem::path& file,
                     const std::function<void()>& publish) {
    const auto good = read_file(file);
    for (const auto& one : cases) {
      auto text = good;
      one.edit(text);
      write_text(file, text);
      publish();
      expect(one);
    }
  }

  /// Of each, the last stanza of the index, that of "wanted", is edited before the Release is made.
  void expect_stanzas(const std::vector<Case>& cases) {
    for (const auto& one : cases) {
      archive.remove(suite, "wanted_1.0");
      std::string stanza = "Package: wanted\nVersion: 1.0\nArchitecture: all\nFilename: wanted.deb\nSize: 1\nSHA256: " +
                           std::string(64, 'a') + "\nDescription: x\n";
      one.edit(stanza);
      suite.more_stanzas = stanza + "\n";
      archive.publish(suite);
      expect(one);
    }
  }

  bool check_date_ = true;
};

const std::string lock = "lock: debian/sid: ";
const std::string of_release = lock + "its Release file ";

TEST_F(HostileIndexes, OfReleases) {
  expect_releases({
      {"as it is", [](std::string&) {}, Apt::takes, ""},
      {"no Date", without("Date"), Apt::takes, lock + "the Date \"\" of its Release file is no date"},
      {"a Date that is none", with_value("Date", "yesterday"), Apt::takes, lock + "the Date \"yesterday\""},
      {"of the year 9999", with_value("Date", "Fri, 31 Dec 9999 23:59:59 UTC"), Apt::refuses,
       of_release + "is of 9999-12-31T23:59:59Z, which is in the future"},
      {"of the year 99999", with_value("Date", "Fri, 31 Dec 99999 23:59:59 UTC"), Apt::takes, lock + "the Date"},
      {"a Valid-Until that is none", with_line("Valid-Until: never\n"), Apt::refuses, lock + "the Valid-Until"},
      {"a Valid-Until that is over", with_line("Valid-Until: Sat, 18 Jul 2020 00:00:00 UTC\n"), Apt::refuses,
       of_release + "expired on 2020-07-18"},
      {"two Suites", with_line("Suite: sid\n"), Apt::takes, of_release + "has the field Suite twice"},
      {"two lists of digests", with_line("SHA256:\n"), Apt::takes, of_release + "has the field SHA256 twice"},
      {"another suite",
       [](std::string& text) {
         with_value("Suite", "trixie")(text);
         with_value("Codename", "trixie")(text);
       },
       Apt::takes, lock + "the Release file is of \"trixie\""},
      {"no name",
       [](std::string& text) {
         without("Suite")(text);
         without("Codename")(text);
       },
       Apt::takes, of_release + "does not say of which suite it is"},
      {"no digests", [](std::string& text) { text.erase(text.find("MD5Sum:")); }, Apt::refuses, lock + "cannot fetch"},
      {"weak digests only", [](std::string& text) { text.erase(text.find("SHA256:")); }, Apt::refuses,
       lock + "cannot fetch"},
      {"an index of another digest",
       [](std::string& text) {
         const auto line = text.rfind(" main/binary-amd64/Packages\n");
         const auto digest = text.rfind("\n ", line) + 2;
         text.replace(digest, 64, std::string(64, '0'));
       },
       Apt::refuses, "lock"},
      {"no component of that name", with_value("Components", "contrib"), Apt::takes, ""},
  });
}

TEST_F(HostileIndexes, OfDatesThatAreNotChecked) {
  check_date_ = false;
  expect_releases({{"of the year 9999", with_value("Date", "Fri, 31 Dec 9999 23:59:59 UTC"), Apt::takes, ""}});
}

TEST_F(HostileIndexes, OfSignedTexts) {
  expect_signed({
      {"changed", replaced("Codename: sid", "Codename: sad"), Apt::refuses, lock + "the signature of its Release file"},
      {"text before", [](std::string& text) { text = "Suite: sid\n\n" + text; }, Apt::refuses, lock},
      {"text behind", with_line("Suite: sid\n"), Apt::refuses, lock},
      {"no end", [](std::string& text) { text.resize(text.size() / 2); }, Apt::refuses, lock},
      {"no signature", [](std::string& text) { text.erase(text.find("-----BEGIN PGP SIGNATURE")); }, Apt::refuses,
       lock},
      {"two texts", [](std::string& text) { text += text; }, Apt::refuses, lock},
      {"another header", replaced("\nHash: ", "\nNotDashEscaped: x\nHash: "), Apt::takes, lock},
      {"nothing", [](std::string& text) { text.clear(); }, Apt::refuses, "lock"},
      {"a page of a portal", [](std::string& text) { text = "<html>log in</html>\n"; }, Apt::refuses, lock},
      {"a NUL", [](std::string& text) { text.insert(text.find("Suite"), 1, '\0'); }, Apt::refuses, lock},
  });
}

TEST_F(HostileIndexes, OfStanzas) {
  const std::string tell = "lock: debian/sid: main/binary-amd64/Packages:";
  const std::string no_size = ": wanted has no usable Size";
  const auto size = [&](const char* title, std::function<void(std::string&)> edit, Apt apt) {
    expect_stanzas({{title, std::move(edit), apt, tell}});
    EXPECT_THAT(ours(), ::testing::HasSubstr(no_size)) << title;
  };
  size("a Size below zero", with_value("Size", "-1"), Apt::takes);
  size("no Size", without("Size"), Apt::refuses);
  size("a Size that is none", with_value("Size", "big"), Apt::refuses);
  size("a Size beyond all", with_value("Size", "99999999999999999999"), Apt::takes);
  expect_stanzas({
      {"as it is", [](std::string&) {}, Apt::takes, ""},
      {"no SHA256", without("SHA256"), Apt::takes, tell},
      {"a SHA256 that is none", with_value("SHA256", "x"), Apt::takes, tell},
      {"a way out", with_value("Filename", "../../wanted.deb"), Apt::takes, tell},
      {"an absolute path", with_value("Filename", "/etc/passwd"), Apt::takes, tell},
      {"no Filename", without("Filename"), Apt::refuses, tell},
      {"a version that is none", with_value("Version", "../1"), Apt::takes, tell},
      {"a dependency that is none", with_line("Depends: (\n"), Apt::refuses, "lock"},
      {"a line that is no field", with_line("nonsense\n"), Apt::refuses, "lock"},
      {"control characters", with_value("Version", "1\x1b[2J"), Apt::takes, tell},
  });
}

}  // namespace
}  // namespace karapace::testing
