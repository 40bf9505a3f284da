"""The command line: the only place that prints, colours, exits, and reads the wall clock."""
