"""A real training to look at: a small CNN on real images. Needs the ``demo`` extra (PyTorch)."""
