"""The SQLite side: rows and their base, stages, the outbox, events, quarantine, conflicts, runs."""
