"""The HTTP server: the page, the REST API, live events and the protocols, on one origin."""
