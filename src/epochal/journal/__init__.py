"""The durable log: one append-only file per writer. Format: docs/internals/journal.md."""
