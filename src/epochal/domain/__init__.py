"""The nouns of Epochal: frozen values and pure functions. No file, network, clock or database is touched here."""
