# What belongs to this machine. Written by `karapace gen --cmake`; never compared.
set(_karapace_name "dev")
set(_karapace_id 55307821ac2bb6f0d07dc0b78e47c70f46f2bed0f2f33268dbb3ae3ba35c8787)
set(_karapace_link environment-dev-0123456789abcdef)
set(_karapace_store "/home/a b/store")
set(_karapace_step_program "/usr/libexec/karapace/karapace-step")
set(_karapace_arguments "/build/karapace/dev/.karapace/args")
set(_karapace_manifest "/source/karapace.toml")
set(_karapace_lock "/source/karapace.lock")
set(_karapace_fetch_depth 8)
set(_karapace_install_depth 2)
set(_karapace_sources
  "/source/karapace.lock"
  "/source/karapace.toml"
  "/source/motd")
