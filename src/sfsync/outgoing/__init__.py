"""Webhooks that sfsync sends: the signature, and the post itself."""
