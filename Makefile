# Two commands: `make demo` trains a small network on real images and shows it live;
# `make test` runs every check. Both keep what they make inside this folder.

.DEFAULT_GOAL := demo
.PHONY: demo test

demo:
	@bash .ci/demo

test:
	@bash .ci/test
