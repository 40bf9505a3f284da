"""Logging in: the OAuth flows, the browser's way back, and where the login is kept between runs."""
