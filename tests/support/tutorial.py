"""Turns the tutorial page into files that can be run.

    python tutorial.py PAGE FOLDER

A block fenced as ```` ```python NAME ```` (or `javascript`) becomes the file
NAME. The blocks fenced as ```` ```sh ```` become, one after the other,
`tutorial.sh`. What a reader does by hand (```` ```sh by-hand ````) is left out.
"""

import re
import sys
from pathlib import Path

_BLOCK = re.compile(r"^```(?P<language>sh|python|javascript)(?: (?P<label>\S+))?\n(?P<code>.*?)^```$", re.M | re.S)


def blocks(page: Path) -> list[tuple[str, str | None, str]]:
    """The page's code blocks as (language, label, code), in order."""
    return [(m["language"], m["label"], m["code"]) for m in _BLOCK.finditer(page.read_text())]


def extract(page: Path, folder: Path) -> Path:
    """Writes the page's files into `folder` and returns the shell script's path."""
    folder.mkdir(parents=True, exist_ok=True)
    commands = []
    for language, label, code in blocks(page):
        if language != "sh" and label is not None:
            (folder / label).write_text(code)
        elif language == "sh" and label is None:
            commands.append(code)
    script = folder / "tutorial.sh"
    script.write_text("\n".join(commands))
    return script


if __name__ == "__main__":
    extract(Path(sys.argv[1]), Path(sys.argv[2]))
