// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/image_location.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace karapace::oci {
namespace {

struct Row {
  std::string text;
  std::string place;
  std::string name;      // "" for none
  std::string absolute;  // below /project, as text
};

class ImageLocations : public testing::TestWithParam<Row> {};

TEST_P(ImageLocations, AreReadAndWritten) {
  const auto& row = GetParam();
  const auto location = ImageLocation::parse(row.text);
  EXPECT_EQ(location.place, row.place);
  EXPECT_EQ(location.name ? text(*location.name) : "", row.name);
  EXPECT_EQ(location.absolute("/project").text(), row.absolute);
  EXPECT_EQ(ImageLocation::parse(location.text()).text(), location.text());
}

const std::string digest = "sha256:" + std::string(64, 'a');

INSTANTIATE_TEST_SUITE_P(
    All, ImageLocations,
    testing::Values(
        Row{"oci:registry.example/team/dev:1", "registry.example/team/dev", "1", "oci:registry.example/team/dev:1"},
        Row{"registry.example:5000/dev@" + digest, "registry.example:5000/dev", digest,
            "oci:registry.example:5000/dev@" + digest},
        Row{"oci-layout:images:dev", "images", "dev", "oci-layout:/project/images:dev"},
        Row{"oci-layout:/a:b/images", "/a:b/images", "", "oci-layout:/a:b/images"},
        Row{"oci-layout:im:x y", "im:x y", "", "oci-layout:/project/im:x y"},
        Row{"oci-layout:im:1@" + digest, "im:1", digest, "oci-layout:/project/im:1@" + digest},
        Row{"oci-archive:./b.tar", "./b.tar", "", "oci-archive:/project/b.tar"},
        Row{"docker-archive:../d.tar:v2", "../d.tar", "v2", "docker-archive:/d.tar:v2"},
        Row{"https://files.example/cache", "https://files.example/cache", "", "https://files.example/cache"}));

TEST(ImageLocation, OfNoFileIsRefused) {
  for (const auto* text : {"oci-layout:", "oci-archive::1", "docker-archive:"})
    EXPECT_THROW(ImageLocation::parse(text), RemoteError) << text;
}

}  // namespace
}  // namespace karapace::oci
