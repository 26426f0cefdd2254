"""One function per use case: checks permission and input, calls the store, returns a value.

Every door (HTTP, foreign protocols, the command line) calls these and nothing below them.
"""
