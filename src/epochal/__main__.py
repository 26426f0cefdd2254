"""``python -m epochal`` is the command ``epochal``."""

from epochal.cli.main import main

if __name__ == "__main__":
    main()
