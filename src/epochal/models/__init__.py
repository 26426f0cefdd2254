"""Models: saved so that they can be trusted, found and run again."""
