"""What email services send, one module a service: who sent it (``verify``), and what it says (``read``).

Pure: no network, no files, no clock. ``registry.SOURCES`` has them by name.
"""
