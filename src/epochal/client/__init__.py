"""The training side: runs, and everything that records them.

Loads msgspec and the standard library only.
"""
