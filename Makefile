# Everything here runs on Debian 12 or newer, as root, and installs what it needs.

harness := nixos-tests/debian

.PHONY: demo test check render recording docs format clean

demo: ## the main job, on a real systemd: a backup, a disaster, a restore
	$(harness)/run-test demo

test: ## everything that can run on this machine
	$(harness)/test

check: ## the quick part of it: formats, lints, the tests of the harness and the executor
	$(harness)/test style harness rust

render: ## renders the tests' nodes again, to be reviewed and committed
	$(harness)/render --update

recording: ## renews what the documentation shows, from real runs: after `make render`
	$(harness)/record

docs: ## the book, in rust/target/book/
	$(harness)/mdbook

format:
	cd rust && cargo fmt
	$(harness)/nixfmt

clean: ## removes what is kept between runs
	rm -rf "$${BACKUPSERVICE_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/backupservice}" rust/target
