"""Logging in: the pages in the browser, the token endpoint, and what the org remembers of both."""
