"""Text as JavaScript measures and trims it."""

from __future__ import annotations

__all__ = ["BLANKS", "trim", "utf16_length"]

BLANKS = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What ECMAScript counts as white space or line terminators (ECMA-262, 12.2 and 12.3)."""


def trim(text: str) -> str:
    r"""Cut blanks off both ends, as ``String.prototype.trim`` does.

    Unlike ``str.strip`` it takes U+FEFF and leaves U+0085 and U+001C to U+001F.

    Examples
    --------
    >>> trim("\ufeff a b\u3000")
    'a b'
    >>> trim("\x85a")
    '\x85a'
    """
    return text.strip(BLANKS)


def utf16_length(text: str) -> int:
    r"""Count UTF-16 code units, which is what a JavaScript string's length is.

    Examples
    --------
    >>> utf16_length("chat"), utf16_length("\N{SPEECH BALLOON}")
    (4, 2)
    """
    if text.isascii():
        return len(text)
    return len(text) + sum(character > "\uffff" for character in text)
