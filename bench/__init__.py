"""Side-by-side benchmarks of Epochal and its peers: `python -m bench run`."""
