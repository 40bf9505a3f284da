"""The Metadata API, as far as deploying fields and permission sets goes."""
