"""The nouns of Epochal: frozen values and pure functions, no input or output of any kind."""
