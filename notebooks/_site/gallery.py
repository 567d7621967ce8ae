"""The gallery: a card for every notebook, with a picture out of its own outputs."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INDEX = """\
# Gallery

Every card is a notebook, shown as it ran; what you see on the card is out of it. To try one with
data of your own, take it from the `notebooks` folder of the repository.

:::::{{container}} gallery
{cards}:::::
"""

CARD = """\
::::{{container}} card
{shown}

[{title}](../{name}.ipynb)

{lead}
::::
"""

_EMBEDDED = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")
_LINES = 14


def write_gallery(folder: Path) -> None:
    """Write the page and its pictures into a folder beside the notebooks."""
    cards = [card(path, folder) for path in sorted(folder.parent.glob("[0-9]*.ipynb"))]
    (folder / "index.md").write_text(INDEX.format(cards="".join(cards)), encoding="utf-8")


def card(path: Path, folder: Path) -> str:
    """Write a notebook's card: its last picture, or the longest text it shows, and how it begins."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    title, _, rest = "".join(cells[0]["source"]).partition("\n")
    title = title.lstrip("# ")
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    if pictures := list(pictures_of(outputs)):
        (folder / f"{path.stem}.png").write_bytes(pictures[-1])
        shown = f"![From the notebook “{title}”]({path.stem}.png)"
    else:
        lines = max((text_of(output).splitlines() for output in outputs), key=len, default=[])
        shown = "\n".join(["```text", *lines[:_LINES], "```"])
    lead = re.split(r"(?<=[.?!])\s", rest.strip(), maxsplit=1)[0]
    return CARD.format(shown=shown, title=title, name=path.stem, lead=lead)


def pictures_of(outputs: list[dict[str, Any]]) -> Iterator[bytes]:
    """Find the pictures, those inside of HTML too."""
    for output in outputs:
        data = output.get("data", {})
        if "image/png" in data:
            yield b64decode(data["image/png"])
        else:
            yield from map(b64decode, _EMBEDDED.findall("".join(data.get("text/html", ""))))


def text_of(output: dict[str, Any]) -> str:
    """Return an output as text."""
    return "".join(output.get("data", {}).get("text/plain") or output.get("text", ""))
