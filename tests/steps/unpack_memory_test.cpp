// SPDX-License-Identifier: Apache-2.0
// How much memory an unpacking takes, of archives made to need much.
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <lzma.h>
#include <zstd.h>

#include "base/words.hpp"
#include "tests/steps/tar_builder.hpp"
#include "tests/steps/unpack_fixture.hpp"

namespace karapace::steps {
namespace {

/// Compresses what it is given, piece by piece: nothing of it is held in memory.
class ZstdWriter {
 public:
  explicit ZstdWriter(int window_log) : context_(ZSTD_createCCtx(), &ZSTD_freeCCtx) {
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, 1);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_windowLog, window_log);
  }
  ZstdWriter& add(std::string_view bytes) { return put(bytes, ZSTD_e_continue); }
  ZstdWriter& add_zeros(std::uint64_t count) {
    const std::string zeros(1 << 20, '\0');
    for (; count > 0; count -= std::min<std::uint64_t>(count, zeros.size()))
      add(std::string_view(zeros).substr(0, count));
    return *this;
  }
  std::string finish() {
    put({}, ZSTD_e_end);
    return std::move(packed_);
  }

 private:
  ZstdWriter& put(std::string_view bytes, ZSTD_EndDirective end) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::string room(ZSTD_CStreamOutSize(), '\0');
    for (std::size_t left = 1; in.pos < in.size || (end == ZSTD_e_end && left > 0);) {
      ZSTD_outBuffer out{room.data(), room.size(), 0};
      left = ZSTD_compressStream2(context_.get(), &out, &in, end);
      EXPECT_EQ(ZSTD_isError(left), 0U);
      packed_.append(room, 0, out.pos);
    }
    return *this;
  }

  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context_;
  std::string packed_;
};

/// The header of a file, without its content.
std::string header(const std::string& name, std::uint64_t size) {
  return TarBuilder().add_header({.name = name}, size).bytes();
}

class UnpackingMemory : public Unpacking {
 protected:
  void SetUp() override {
    Unpacking::SetUp();
    ::alarm(300);
#ifdef KARAPACE_SANITIZED
    GTEST_SKIP() << "sanitizers need memory of their own";
#endif
  }

  /// By how many KiB the process grew while it unpacked.
  std::uint64_t growth(const std::string& format, const std::string& bytes) {
    write_file("/proc/self/clear_refs", "5");  // proc(5): the peak begins anew
    const auto before = peak();
    EXPECT_EQ(unpacking(format, bytes), "accepted");
    const auto grown = peak() - before;
    RecordProperty("KiB", static_cast<int>(grown));
    return grown;
  }

 private:
  static void write_file(const char* path, std::string_view text) {
    auto file = open_at(AT_FDCWD, path, O_WRONLY);
    write_all(file.get(), text, path);
  }
  static std::uint64_t peak() {
    const auto status = read_file("/proc/self/status");
    const std::string_view name = "VmHWM:";
    return std::stoull(status.substr(status.find(name) + name.size()));
  }
};

constexpr std::uint64_t bound = 64 << 10;

TEST_F(UnpackingMemory, OfALargeFileIsSmall) {
  const auto size = std::uint64_t{256} << 20;
  EXPECT_LT(growth("tar", ZstdWriter(20).add(header("large", size)).add_zeros(size + 1024).finish()), bound);
  EXPECT_EQ(listing().find("large")->size, size);
}

TEST_F(UnpackingMemory, OfALargeConfigurationFileIsSmall) {
  const auto size = std::uint64_t{200} << 20;
  const auto data = ZstdWriter(20).add(header("./etc/large", size)).add_zeros(size + 1024).finish();
  const auto info = TarBuilder()
                        .add({.name = "./control", .content = control})
                        .add({.name = "./conffiles", .content = "/etc/large\n"})
                        .finish();
  const auto deb = "!<arch>\n" + member("debian-binary", "2.0\n") + member("control.tar", info);
  EXPECT_LT(growth("deb", deb + member("data.tar.zst", data)), bound);
  EXPECT_EQ(listing().find("data/etc/large")->size, size);
  EXPECT_NE(file("meta/deb/stanza").find(" /etc/large "), std::string::npos);
}

TEST_F(UnpackingMemory, OfManyEntriesIsThatOfTheirListing) {
  ZstdWriter tar(20);
  for (int i = 0; i < 40'000; ++i)
    tar.add(TarBuilder().add({.name = fmt::format("usr/share/doc/package/{:06}", i)}).bytes());
  EXPECT_LT(growth("tar", tar.add_zeros(1024).finish()), bound);
}

TEST_F(UnpackingMemory, OfManyHardLinksIsThatOfTheirListing) {
  ZstdWriter tar(20);
  tar.add(TarBuilder().add({.name = "usr/file", .content = "1"}).bytes());
  for (int i = 0; i < 20'000; ++i)
    tar.add(TarBuilder().add({.name = fmt::format("usr/share/{:06}", i), .type = '1', .link = "usr/file"}).bytes());
  tar.add(TarBuilder().add({.name = "usr/other", .content = "2"}).bytes());
  for (int i = 0; i < 20'000; ++i)
    tar.add(TarBuilder().add({.name = fmt::format("usr/lib/{:06}", i), .type = '1', .link = "usr/other"}).bytes());
  EXPECT_LT(growth("tar", tar.add_zeros(1024).finish()), bound);
}

TEST_F(UnpackingMemory, OfHardLinksWithAttributesIsThatOfOneFile) {
  ZstdWriter tar(20);
  const std::string value(1'000, 'x');
  const auto with_value = [&](const TarEntry& entry) {
    tar.add(TarBuilder().add_pax({{"SCHILY.xattr.user.a", value}}).add(entry).bytes());
  };
  with_value({.name = "file", .content = "1"});
  for (int i = 0; i < 20'000; ++i) with_value({.name = fmt::format("{:06}", i), .type = '1', .link = "file"});
  EXPECT_LT(growth("tar", tar.add_zeros(1024).finish()), bound);
}

}  // namespace
}  // namespace karapace::steps
