"""The parts of `epochal.client.watch`; loaded with it, on the first ``watch()``."""
