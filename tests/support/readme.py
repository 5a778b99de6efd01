"""Puts the real output of the documented commands into README.md and docs/, between its markers: `make readme`.

Commands run in a temporary folder, as a reader would type them. Only stdout is kept; times and rates are masked
and the temporary folder is cut off, so that running it again gives the same text.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
SAMPLE = "data/messages.csv"


@dataclass(frozen=True)
class Block:
    """A block of a page that holds the output of commands.

    Attributes:
        page: has the markers.
        commands: whose output the block holds.
        before: run first, in the same folder; what they print is not shown.
        with_prompt: each command stands above its output.
    """

    page: Path
    commands: tuple[str, ...]
    before: tuple[str, ...] = ()
    with_prompt: bool = False


DEMO = "curator demo .demo/digits"
BLOCKS = {
    "demo": Block(README, (DEMO,)),
    "five-minutes": Block(
        DOCS / "tutorial.md",
        (
            f"curator init messages --data {SAMPLE} --labeler replay --price 0.08 --batch 20",
            "curator round",
            "curator round",
            "curator round",
            "curator status",
        ),
        with_prompt=True,
    ),
    "plan": Block(
        DOCS / "forecast.md", ("curator plan --project .demo/digits --target 0.99",), before=(DEMO,)
    ),
    "strategies": Block(DOCS / "reference" / "strategies.md", ("curator strategies",)),
}


def shown(name: str) -> str:
    """What a block holds now.

    Raises:
        ValueError: its page has no such block, or more than one.
    """
    return block(BLOCKS[name].page.read_text(encoding="utf-8"), name)


def block(text: str, name: str) -> str:
    """What stands in the fence between the markers of a block.

    Raises:
        ValueError: the text has no such block, or more than one.
    """
    found = _pattern(name).findall(text)
    if len(found) != 1:
        raise ValueError(f"{len(found)} blocks {name!r}; one pair of <!-- {name}:begin/end --> is needed.")
    return str(found[0][1])


def with_block(text: str, name: str, content: str) -> str:
    """The text with new content in one block; everything else as it was."""
    block(text, name)
    return _pattern(name).sub(lambda match: match[1] + content + match[3], text)


def masked(output: str, folder: Path) -> str:
    """Output without what differs from run to run: times, rates, the temporary folder."""
    text = output.replace(f"{folder.resolve()}{os.sep}", "")
    text = re.sub(r"[\d,]+ rows/s", "… rows/s", text)
    text = re.sub(
        r"^Stages: .*$", lambda match: re.sub(r"\d+\.\d+ s", "… s", match[0]), text, flags=re.MULTILINE
    )
    return "\n".join(line.rstrip() for line in text.splitlines())


def outputs(name: str, program: Path | None = None) -> str:
    """Run the commands of a block in a fresh folder.

    Args:
        name: of the block.
        program: to run; None = the `curator` of this environment.

    Raises:
        subprocess.CalledProcessError: a documented command fails.
    """
    wanted = BLOCKS[name]
    program = program or Path(sys.executable).with_name("curator")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / SAMPLE).parent.mkdir()
        shutil.copy(ROOT / SAMPLE, folder / SAMPLE)
        # What this machine knows of earlier campaigns is not what a reader's knows.
        environment = {**os.environ, "CURATOR_TRACK_RECORD": "off"}
        parts = []
        for command in [*wanted.before, *wanted.commands]:
            done = subprocess.run(
                [program, *command.split()[1:]],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            if command not in wanted.commands:
                continue
            prompt = f"$ {command}\n" if wanted.with_prompt else ""
            parts.append(prompt + masked(done.stdout, folder))
        return "\n\n".join(parts)


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name}:begin -->\n```text\n)(.*?)(\n```\n<!-- {name}:end -->)", re.DOTALL)


def main() -> None:
    """Renew every block; pages are written only when all commands worked."""
    pages = {wanted.page: wanted.page.read_text(encoding="utf-8") for wanted in BLOCKS.values()}
    for name, wanted in BLOCKS.items():
        pages[wanted.page] = with_block(pages[wanted.page], name, outputs(name))
    for page, text in pages.items():
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
