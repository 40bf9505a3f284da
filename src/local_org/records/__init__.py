"""What a write means: values, rules, rights, stamps, and what else changes with a record."""
