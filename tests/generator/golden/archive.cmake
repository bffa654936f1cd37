# karapace cmake 1
# Written by `karapace gen --cmake`: change the manifest instead.
_karapace_step(fetch "base archive 279251eec1ca" fetch-base-archive-279251eec1ca-1cb6373108680e8c 1cb6373108680e8c884d57bb5762b239ec7e6f0eee6f666d18f9cedf50337d1f)
_karapace_step(unpack "base archive 279251eec1ca" unpack-base-archive-279251eec1ca-8d3a97a672e8a025 8d3a97a672e8a025b12e05b4f27a9c295fe2701820d8ecea0dcc8f75987ad934 fetch-base-archive-279251eec1ca-1cb6373108680e8c)
_karapace_step(fetch "lock fc6cf8fab455" fetch-lock-fc6cf8fab455-7ed1cf8302bcdd31 7ed1cf8302bcdd31e372a7d74b3212451dced621d0a862d430281c3145e04221)
_karapace_step(fetch "jq 1.0-1" fetch-jq-1.0-1-f625e98bd3c447ec f625e98bd3c447eccc791b11aaf8d3992db36751f71e97e8d5a3070f5d99cf6f)
_karapace_step(unpack "jq 1.0-1" unpack-jq-1.0-1-8f489aed56922872 8f489aed56922872ede6b3c1a6ef6c463386208e05b43ea59543eb90b1284afe fetch-jq-1.0-1-f625e98bd3c447ec)
_karapace_step(install "1 package" install-1-package-bfbe59bcd2cbc987 bfbe59bcd2cbc987b72a7952c26af9adf665a29774ef80c42fc6e94b6c3e534d unpack-base-archive-279251eec1ca-8d3a97a672e8a025 unpack-jq-1.0-1-8f489aed56922872)
_karapace_step(environment "fc6cf8fab455" environment-fc6cf8fab455-76b89c6f2bf84058 76b89c6f2bf84058b5b7bdc7c4d83ae4047d6108005f2cc497da4f1923ec37ea unpack-base-archive-279251eec1ca-8d3a97a672e8a025 install-1-package-bfbe59bcd2cbc987 fetch-lock-fc6cf8fab455-7ed1cf8302bcdd31)
