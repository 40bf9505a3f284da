"""What is wrong, or may surprise, between a configuration, an org, a login and this machine. Pure."""
