// SPDX-License-Identifier: Apache-2.0
// What debconf is told before packages are configured.
#include "runtime/steps/deb/debconf_answers.hpp"

#include <deque>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"

namespace karapace::steps::deb {
namespace {

class Answering : public ::testing::Test {
 protected:
  Answering() {
    add("postfix",
        "Template: postfix/main_mailer_type\nType: select\nChoices: None, Satellite\nDescription: x\n y\n\n"
        "Template: postfix/mailname\nType:string\nDefault: /etc/mailname\n");
    add("man-db", "Template: man-db/install-setuid\nType: boolean\n");
    add("silent", "");
  }

  void add(const std::string& name, const std::string& templates) {
    DebPackage package;
    package.name = name;
    package.family = "deb";
    package.tree = directory_.path() / name;
    make_directory(package.tree);
    for (const char* path : {"meta", "meta/deb", "meta/deb/control"}) make_directory(package.tree / path);
    if (!templates.empty()) {
      const std::string path = "meta/deb/control/templates";
      write_file_atomically(package.tree / path, templates, Durable::no);
      package.contents.emplace(path, blake3(templates));
    }
    packages_.push_back(std::move(package));
  }
  std::string refusal(std::string_view answers) const {
    try {
      return "accepted " + debconf_selections(answers, packages_);
    } catch (const StepError& error) {
      return error.what();
    }
  }

  TemporaryDirectory directory_;
  std::deque<DebPackage> packages_;
};

TEST_F(Answering, TellsOwnerAndTypeAsThePackagesDo) {
  EXPECT_EQ(debconf_selections(R"({"man-db/install-setuid":"true","postfix/mailname":"a b"})", packages_),
            "man-db man-db/install-setuid boolean true\npostfix postfix/mailname string a b\n");
}

TEST_F(Answering, ATypeThatDebconfDoesNotKnowIsRefused) {
  add("odd", "Template: odd/type\nType: string true\n\nTemplate: odd/none\nType: bogus\n");
  EXPECT_EQ(
      refusal(R"({"odd/type":"x"})"),
      "install: the templates of odd give \"odd/type\" the type \"string true\", which debconf does not know: leave "
      "the answer out of system.answers, or tell who keeps the package");
  EXPECT_NE(refusal(R"({"odd/none":"x"})").find("the type \"bogus\""), std::string::npos);
  EXPECT_EQ(refusal(R"({"postfix/mailname":"x"})"), "accepted postfix postfix/mailname string x\n");
}

TEST_F(Answering, AQuestionThatNobodyAsksIsRefused) {
  EXPECT_EQ(refusal(R"({"postfix/mailnam":"x"})"),
            "install: none of the packages asks \"postfix/mailnam\" (system.answers); did you mean "
            "\"postfix/mailname\"?");
  EXPECT_NE(refusal(R"({"tzdata/Areas":"x"})").find("those of the base are configured before"), std::string::npos);
  EXPECT_NE(refusal("[]").find("the parameter \"answers\" is not understood"), std::string::npos);
}

}  // namespace
}  // namespace karapace::steps::deb
