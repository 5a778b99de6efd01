"""The command line: parse, call one function, print. `main` is the console script."""

import os


def main() -> None:
    """Run `curator`."""
    # Or pydantic looks for plugins in every package that is installed: there are hundreds, and none of ours.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from curator.cli.app import app

    app()
