"""What a search for hyperparameters is, and how it chooses: pure functions, no I/O.

The training side reads configurations with it, the server chooses with it; neither knows the other
by it.
"""
