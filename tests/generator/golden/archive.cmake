# karapace cmake 1
# Written by `karapace gen --cmake`: change the manifest instead.
_karapace_step(fetch "base archive 279251eec1ca" fetch-base-archive-279251eec1ca-1cb6373108680e8c 1cb6373108680e8c884d57bb5762b239ec7e6f0eee6f666d18f9cedf50337d1f)
_karapace_step(unpack "base archive 279251eec1ca" unpack-base-archive-279251eec1ca-a500f77e9a30394e a500f77e9a30394efd78881183bbeee2e3d134a38bcf7c424f36a4b8658221e9 fetch-base-archive-279251eec1ca-1cb6373108680e8c)
_karapace_step(fetch "lock 10a16052b0b8" fetch-lock-10a16052b0b8-0cd1c0b30e3d1757 0cd1c0b30e3d17577fe2107e988fae90832c64e4c775f88027fd3d3518ebfe1a)
_karapace_step(fetch "jq 1.0-1" fetch-jq-1.0-1-f625e98bd3c447ec f625e98bd3c447eccc791b11aaf8d3992db36751f71e97e8d5a3070f5d99cf6f)
_karapace_step(unpack "jq 1.0-1" unpack-jq-1.0-1-91acf656f10cde99 91acf656f10cde9990b9eb29bcfc82d5356cdce37c1de7d35f5f0c754caf4af2 fetch-jq-1.0-1-f625e98bd3c447ec)
_karapace_step(install "1 package" install-1-package-7a66e9859b43f9b9 7a66e9859b43f9b9e121b059513cbf35ac8bfd79f955352628c80181e0b48cd2 unpack-base-archive-279251eec1ca-a500f77e9a30394e unpack-jq-1.0-1-91acf656f10cde99)
_karapace_step(environment "10a16052b0b8" environment-10a16052b0b8-68f6dd3f24dde00a 68f6dd3f24dde00a5a921d847970ee9d8f3ad78c1770d8dd07065e73a87307c7 unpack-base-archive-279251eec1ca-a500f77e9a30394e install-1-package-7a66e9859b43f9b9 fetch-lock-10a16052b0b8-0cd1c0b30e3d1757)
