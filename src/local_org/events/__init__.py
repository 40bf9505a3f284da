"""Change events: their schemas, what they say of a change, and the log that keeps them.

Needs the extra ``realtime`` (fastavro); nothing here is imported before the org serves events.
"""
