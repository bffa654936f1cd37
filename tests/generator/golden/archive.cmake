# karapace cmake 1
# Written by `karapace gen --cmake`: change the manifest instead.
_karapace_step(fetch "base archive 279251eec1ca" fetch-base-archive-279251eec1ca-1cb6373108680e8c 1cb6373108680e8c884d57bb5762b239ec7e6f0eee6f666d18f9cedf50337d1f)
_karapace_step(unpack "base archive 279251eec1ca" unpack-base-archive-279251eec1ca-051a8c3635ec9320 051a8c3635ec93200a1690ff7630fba6006d538735ac3c8abc8eba2519a235a2 fetch-base-archive-279251eec1ca-1cb6373108680e8c)
_karapace_step(fetch "lock fc6cf8fab455" fetch-lock-fc6cf8fab455-7ed1cf8302bcdd31 7ed1cf8302bcdd31e372a7d74b3212451dced621d0a862d430281c3145e04221)
_karapace_step(fetch "jq 1.0-1" fetch-jq-1.0-1-f625e98bd3c447ec f625e98bd3c447eccc791b11aaf8d3992db36751f71e97e8d5a3070f5d99cf6f)
_karapace_step(unpack "jq 1.0-1" unpack-jq-1.0-1-16dc44a186caf406 16dc44a186caf406d0fd425641e77b47327704e8dc5e265f1280e737bdeb7a0f fetch-jq-1.0-1-f625e98bd3c447ec)
_karapace_step(install "1 package" install-1-package-0dd987f98ae28139 0dd987f98ae28139049e1c834ae4e9d17bf11df6397798274a8e428c98f856a1 unpack-base-archive-279251eec1ca-051a8c3635ec9320 unpack-jq-1.0-1-16dc44a186caf406)
_karapace_step(environment "fc6cf8fab455" environment-fc6cf8fab455-2f5f5669ccdbbc20 2f5f5669ccdbbc20b3db8e11731b6a0e24433e87686f207c3d62d4095439bcaf unpack-base-archive-279251eec1ca-051a8c3635ec9320 install-1-package-0dd987f98ae28139 fetch-lock-fc6cf8fab455-7ed1cf8302bcdd31)
