"""What a run records without being asked: console, system metrics, git state and environment.

Each module stands alone and can be switched off alone. None of them writes a journal: values go to
a ``sink`` that the caller gives, or come back as frozen structs. Nothing here raises into the
user's program, waits on a device, or loads an optional package before it is needed. Import the
modules, not this package: importing the package itself loads nothing.
"""
