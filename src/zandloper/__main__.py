"""`python -m zandloper` is the command `zandloper`."""

from zandloper.cli import main

if __name__ == "__main__":
    main()
