"""A QPU by name with options in one text, such as `twin-torino?drift=x1&seed=5`.

So a run's options, which are kept as text, can name a twin that differs from the shipped one.
"""

from __future__ import annotations

import re

from qloop.errors import InvalidInput

Value = int | float | str
_WHOLE = re.compile(r"[+-]?\d{1,19}")
_LONGEST = 500


def is_wish(text: str) -> bool:
    """Whether the text names a QPU with options."""
    return "?" in text


def parse_wish(text: str) -> tuple[str, dict[str, Value]]:
    """Name and options: `NAME?OPTION=VALUE&OPTION=VALUE`; numbers as such. `InvalidInput` says what is wrong."""
    if len(text) > _LONGEST or not text.isprintable():
        raise InvalidInput(f"The QPU {text!r:.60} cannot be named so", f"A name has at most {_LONGEST} printable "
                           "characters, options included", "Make the QPU with its class and hand it over")
    name, _, rest = text.partition("?")
    options: dict[str, Value] = {}
    for part in rest.split("&"):
        option, sign, value = part.partition("=")
        if not (option and sign and value):
            raise InvalidInput(f"The QPU {text!r} has an option that cannot be read: {part!r}",
                               "Options follow the name as NAME?OPTION=VALUE&OPTION=VALUE",
                               f"Write {name}?drift=x1&seed=5, for example")
        if option in options:
            raise InvalidInput(f"The QPU {text!r} has the option {option!r} twice", "", "Leave one of them out")
        options[option] = value_of(value)
    return name, options


def value_of(text: str) -> Value:
    """True or False, a whole number, a number, or the text itself."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text
