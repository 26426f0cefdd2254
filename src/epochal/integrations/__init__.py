"""Other libraries' callbacks and loggers, writing to Epochal runs.

Each module imports its library only when it is imported or used itself, never with `epochal`.
"""
