"""One file per peer, each with the same few functions; a peer runs in its own environment.

`start(directory)` opens a run, `log(values, step)` logs a mapping of floats, `finish()` closes the
run, `points(directory, key)` reads one series back from disk in a fresh process and returns the
number of its points. `SCALE` says by how much the work is cut for slow peers.
"""
