"""`python -m p13n`: the same command line as `p13n`."""

from p13n.cli import main

if __name__ == "__main__":
    main()
