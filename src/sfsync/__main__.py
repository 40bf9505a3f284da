"""``python -m sfsync``."""

from sfsync.cli.entry import main

if __name__ == "__main__":
    main()
