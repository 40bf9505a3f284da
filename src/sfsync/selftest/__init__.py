"""Seeded chaos: whatever people, networks and crashes do, sfsync's promises hold.

See docs/reliability.md.
"""
