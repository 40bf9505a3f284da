"""What is wrong, or may surprise, in a configuration, an org, a login, this machine. Pure."""
