"""``sfsync.yaml`` and the environment, read once into one ``Config``; other parts are handed plain values."""
