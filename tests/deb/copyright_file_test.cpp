// SPDX-License-Identifier: Apache-2.0
#include "deb/copyright_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace karapace::deb {
namespace {

using testing::ElementsAre;

constexpr std::string_view format =
    "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: x\n\n";

std::string expression(std::string_view field) { return license_expression(field).text; }

TEST(CopyrightFile, NamesBecomeThoseOfSpdx) {
  EXPECT_EQ(expression("Expat"), "MIT");
  EXPECT_EQ(expression("GPL-2+"), "GPL-2.0-or-later");
  EXPECT_EQ(expression("GPL-2"), "GPL-2.0-only");
  EXPECT_EQ(expression("gpl-3.0+"), "GPL-3.0-or-later");
  EXPECT_EQ(expression("LGPL-2.1+"), "LGPL-2.1-or-later");
  EXPECT_EQ(expression("GFDL-1.3"), "GFDL-1.3-only");
  EXPECT_EQ(expression("GFDL-NIV-1.3+"), "GFDL-1.3-no-invariants-or-later");
  EXPECT_EQ(expression("Apache-2"), "Apache-2.0");
  EXPECT_EQ(expression("zlib"), "Zlib");
}

TEST(CopyrightFile, NamesThatSpdxDoesNotHaveAreReferences) {
  const auto found = license_expression("GPL or public-domain or RRA's-own_text+ or GPL-7");
  EXPECT_EQ(found.text,
            "LicenseRef-GPL OR LicenseRef-public-domain OR LicenseRef-RRA-s-own-text-or-later OR LicenseRef-GPL-7");
}

TEST(CopyrightFile, ExpressionsKeepTheirMeaning) {
  EXPECT_EQ(expression("GPL-1+ or Artistic"), "GPL-1.0-or-later OR Artistic-1.0");
  EXPECT_EQ(expression("GPL-1+ or Artistic, and Expat"), "(GPL-1.0-or-later OR Artistic-1.0) AND MIT");
  EXPECT_EQ(expression("A, and GPL-1+ or ISC"), "LicenseRef-A AND (GPL-1.0-or-later OR ISC)");
  EXPECT_EQ(expression("GPL-2+ with Libtool exception and ISC"), "GPL-2.0-or-later WITH Libtool-exception AND ISC");
  EXPECT_EQ(expression("GPL-3+ with Autoconf exception"), "GPL-3.0-or-later WITH Autoconf-exception-3.0");
  EXPECT_EQ(expression("GPL-2+ with OpenSSL exception"), "LicenseRef-GPL-2-or-later-with-OpenSSL-exception");
}

TEST(CopyrightFile, WhatIsNoExpressionIsOneName) {
  for (std::string_view field :
       {"GPL-2+ Libtool", "and", "ISC and", "or ISC", "ISC and/or Expat", "ISC, Expat", "ISC with", ","}) {
    const auto found = license_expression(field);
    EXPECT_TRUE(found.text.starts_with("LicenseRef-")) << field << ": " << found.text;
    ASSERT_EQ(found.references.size(), 1U);
    EXPECT_EQ(found.references.begin()->name, field);
  }
}

TEST(CopyrightFile, AllFilesCountTogetherAndTextsAloneDoNot) {
  std::string text(format);
  text.append(
      "Files: *\nCopyright: a\n b\nLicense: Expat\n Permission is granted:\n .\n License: GPL-9\n\n"
      "Files: src/*\nCopyright: c\nlicense:  GPL-2+ or ISC\n\n"
      "Files: other\nCopyright: c\nLicense: Expat\n\n"
      "Files: more\nLicense: mine\n\n"
      "License: GPL-2+\n the text\n");
  const auto found = license_of(text);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->text, "MIT AND (GPL-2.0-or-later OR ISC) AND LicenseRef-mine");
  EXPECT_THAT(found->references, ElementsAre(LicenseExpression::Reference{"LicenseRef-mine", "mine"}));
}

TEST(CopyrightFile, FilesForPeopleSayNothing) {
  for (std::string_view text :
       {"", "\n\n", "This package was made by Ada.\n\nLicense: GPL\n", "Files: *\nLicense: Expat\n",
        "Format: https://example.com/other\n\nFiles: *\nLicense: Expat\n"})
    EXPECT_FALSE(license_of(text)) << text;
  EXPECT_FALSE(license_of(format));
}

TEST(CopyrightFile, AnyBytesAreRead) {
  std::string bytes(format);
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  bytes += "\nFiles: *\nLicense: \xff\x80 and ISC\n";
  const auto found = license_of(bytes);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->text, "LicenseRef- AND ISC");
}

}  // namespace
}  // namespace karapace::deb
