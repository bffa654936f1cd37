# karapace cmake 1
# Written by `karapace gen --cmake`: change the manifest instead.
_karapace_step(fetch "base archive 279251eec1ca" fetch-base-archive-279251eec1ca-1cb6373108680e8c 1cb6373108680e8c884d57bb5762b239ec7e6f0eee6f666d18f9cedf50337d1f)
_karapace_step(unpack "base archive 279251eec1ca" unpack-base-archive-279251eec1ca-33b972646f9e50f0 33b972646f9e50f0fe8eea525b87c4892183b7d638768873483cf5ec14468117 fetch-base-archive-279251eec1ca-1cb6373108680e8c)
_karapace_step(fetch "lock fc6cf8fab455" fetch-lock-fc6cf8fab455-7ed1cf8302bcdd31 7ed1cf8302bcdd31e372a7d74b3212451dced621d0a862d430281c3145e04221)
_karapace_step(fetch "jq 1.0-1" fetch-jq-1.0-1-f625e98bd3c447ec f625e98bd3c447eccc791b11aaf8d3992db36751f71e97e8d5a3070f5d99cf6f)
_karapace_step(unpack "jq 1.0-1" unpack-jq-1.0-1-49ba197a8187e205 49ba197a8187e20587600db83ec3bef2f0468475925c757582dd632c4a4e0d94 fetch-jq-1.0-1-f625e98bd3c447ec)
_karapace_step(install "1 package" install-1-package-d7f7d68f86cce18f d7f7d68f86cce18f470199190d39b01bb31fa63eac79cc97321f29b97297f233 unpack-base-archive-279251eec1ca-33b972646f9e50f0 unpack-jq-1.0-1-49ba197a8187e205)
_karapace_step(environment "fc6cf8fab455" environment-fc6cf8fab455-a1897350995f6bb6 a1897350995f6bb65aaac9577f3e17a6cdc0fff400139b73ee0a7653b06ec3de unpack-base-archive-279251eec1ca-33b972646f9e50f0 install-1-package-d7f7d68f86cce18f fetch-lock-fc6cf8fab455-7ed1cf8302bcdd31)
