"""The command line: parse, call one function, print. `main` is the console script."""


def main() -> None:
    """Run `curator`."""
    from curator.cli.app import app

    app()
