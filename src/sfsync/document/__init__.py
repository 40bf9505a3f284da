"""A YAML document read strictly: every value with its place, and all mistakes at once. Pure."""
