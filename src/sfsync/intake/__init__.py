"""How email events and contacts arrive: files, standard input, signed webhooks."""
