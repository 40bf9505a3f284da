"""The verbs: read, plan, guard, apply, record."""
