# karapace cmake 1
# Written by `karapace gen --cmake`: change the manifest instead.
_karapace_step(fetch "base archive 279251eec1ca" fetch-base-archive-279251eec1ca-1cb6373108680e8c 1cb6373108680e8c884d57bb5762b239ec7e6f0eee6f666d18f9cedf50337d1f)
_karapace_step(unpack "base archive 279251eec1ca" unpack-base-archive-279251eec1ca-8d3a97a672e8a025 8d3a97a672e8a025b12e05b4f27a9c295fe2701820d8ecea0dcc8f75987ad934 fetch-base-archive-279251eec1ca-1cb6373108680e8c)
_karapace_step(fetch "lock 10a16052b0b8" fetch-lock-10a16052b0b8-0cd1c0b30e3d1757 0cd1c0b30e3d17577fe2107e988fae90832c64e4c775f88027fd3d3518ebfe1a)
_karapace_step(fetch "jq 1.0-1" fetch-jq-1.0-1-f625e98bd3c447ec f625e98bd3c447eccc791b11aaf8d3992db36751f71e97e8d5a3070f5d99cf6f)
_karapace_step(unpack "jq 1.0-1" unpack-jq-1.0-1-8f489aed56922872 8f489aed56922872ede6b3c1a6ef6c463386208e05b43ea59543eb90b1284afe fetch-jq-1.0-1-f625e98bd3c447ec)
_karapace_step(install "1 package" install-1-package-bfbe59bcd2cbc987 bfbe59bcd2cbc987b72a7952c26af9adf665a29774ef80c42fc6e94b6c3e534d unpack-base-archive-279251eec1ca-8d3a97a672e8a025 unpack-jq-1.0-1-8f489aed56922872)
_karapace_step(environment "10a16052b0b8" environment-10a16052b0b8-de053cc97e4b6579 de053cc97e4b6579cd2d87f0077ddabcf35cdc22298c28d2e5c6b28fffeddd86 unpack-base-archive-279251eec1ca-8d3a97a672e8a025 install-1-package-bfbe59bcd2cbc987 fetch-lock-10a16052b0b8-0cd1c0b30e3d1757)
