"""What an org needs so that a mapping works there: a blueprint of fields and permissions. Pure."""
