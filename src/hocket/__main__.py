"""`python -m hocket`: the command line where no script is on the PATH."""

from hocket.cli import main

if __name__ == "__main__":
    main()
