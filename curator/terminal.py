"""What may go to a terminal: text that cannot steer it.

File names, e-mail addresses, project names and what a server says are other people's texts. An escape sequence in one could
clear the screen, set the title, or print a line over another. So whatever curator prints passes `printable`.
"""

import re

# Control characters but line breaks and tabs, and those that turn the direction of what follows.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""The text with each character that steers a terminal as its code, `\u001b`; in JSON that is the character still."""
    return _STEERING.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
