"""The page in a real browser. A package, so that fixtures can be closed with this folder."""
