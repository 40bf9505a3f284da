"""``sfsync.yaml`` and the environment, read once into a ``Config`` of plain values."""
