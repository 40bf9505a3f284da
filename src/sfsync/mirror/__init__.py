"""The SQLite side: rows with their base, staged pages, the outbox, events, quarantine, conflicts, runs."""
