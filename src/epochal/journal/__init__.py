"""The durable log: one append-only file per writer. See docs/internals/journal.md for the format."""
