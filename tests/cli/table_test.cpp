// SPDX-License-Identifier: Apache-2.0
#include "cli/table.hpp"

#include <gtest/gtest.h>

namespace karapace::cli {
namespace {

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  const std::vector<TableRow> rows = {{"NAME", "ID", "PLACE"}, {"w\xc3\xb6rter", "1", "/a"}, {"x", "22222", "/b"}};
  EXPECT_EQ(table_text(rows, {}, 2), "NAME    ID     PLACE\nw\xc3\xb6rter  1      /a\nx       22222  /b\n");
}

TEST(Table, ColumnsAreNotNarrowerThanAsked) {
  const std::vector<TableRow> rows = {{"a", "b"}};
  EXPECT_EQ(table_text(rows, {4}), "a    b\n");
  EXPECT_EQ(table_text({}, {4}), "");
}

}  // namespace
}  // namespace karapace::cli
