"""The pure core: what should change, and why."""
