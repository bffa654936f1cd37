# karapace cmake 1
# Written by `karapace gen --cmake`: change the manifest instead.
_karapace_step(fetch "base archive 279251eec1ca" fetch-base-archive-279251eec1ca-1cb6373108680e8c 1cb6373108680e8c884d57bb5762b239ec7e6f0eee6f666d18f9cedf50337d1f)
_karapace_step(fetch "lock eed4d3bcb6c5" fetch-lock-eed4d3bcb6c5-49038d79ed798b12 49038d79ed798b12ab79b7c071432cfec679eb429f94b400c9b733534de1187b)
_karapace_step(fetch "jq 1.0-1" fetch-jq-1.0-1-f625e98bd3c447ec f625e98bd3c447eccc791b11aaf8d3992db36751f71e97e8d5a3070f5d99cf6f)
_karapace_step(unpack "base archive 279251eec1ca" unpack-base-archive-279251eec1ca-778208942ddd7910 778208942ddd7910d96cc7e54d262274fdb170b7d91d71a63b346daa308104ed fetch-base-archive-279251eec1ca-1cb6373108680e8c)
_karapace_step(unpack "jq 1.0-1" unpack-jq-1.0-1-b86d8c9718c67c56 b86d8c9718c67c560dfc5a8cf9cb54884478a3ef4ec6797d739980f982e7107e fetch-jq-1.0-1-f625e98bd3c447ec)
_karapace_step(install "1 package" install-1-package-016b2a38389419ba 016b2a38389419ba6c207b540061c6267e21c4e3c2f5abf28c7995208828f515 unpack-base-archive-279251eec1ca-778208942ddd7910 unpack-jq-1.0-1-b86d8c9718c67c56)
_karapace_step(environment "eed4d3bcb6c5" environment-eed4d3bcb6c5-0d706243155e77b0 0d706243155e77b0219aedc579c2be0da72d692f1e97067a0c585437881e1b53 unpack-base-archive-279251eec1ca-778208942ddd7910 install-1-package-016b2a38389419ba fetch-lock-eed4d3bcb6c5-49038d79ed798b12)
