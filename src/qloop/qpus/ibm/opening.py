"""IBM's QPUs by name: `ibm:<backend>` of the service, `ibm-local:<fake backend>` of the local testing mode."""

from __future__ import annotations

import inspect
from typing import Any

from qloop.errors import InvalidInput, UnknownName
from qloop.qpus.ibm.credentials import Reference, refuse_literals
from qloop.qpus.ibm.names import LOCAL, SERVICE, is_ibm
from qloop.qpus.ibm.qpu import IbmQpu

_OBJECTS = ("backend", "local", "credentials", "service", "options", "name")  # not texts or numbers


def open_ibm(name: str, /, *, seed: int = 0, **options: Any) -> IbmQpu:
    """The QPU of that name, with the options of `IbmQpu` and of its credentials' `Reference`.

    `account` names a saved account, `key_variable` an environment variable and `key_file` a file that hold an API key;
    `instance` is the service instance. `seed` changes nothing. Raises what `IbmQpu` raises.
    """
    refuse_literals(options)
    local = name.startswith(LOCAL)
    backend = name.removeprefix(LOCAL if local else SERVICE)
    if not backend or not is_ibm(name):
        raise InvalidInput(f"{name!r:.80} names no QPU of IBM", "",
                           f"Write {SERVICE}<backend>, or {LOCAL}<fake backend>")
    known = {*option_types(), *_OBJECTS} - {"backend", "local", "seed"}
    for option in options:
        if option not in known:
            raise UnknownName("option of IBM's QPUs", option, known)
    reference = {key: options.pop(key) for key in Reference.__struct_fields__ if key in options}
    if reference:
        options["credentials"] = Reference(**reference)
    return IbmQpu(backend, local=local, **{"name": name, **options})


def option_types() -> dict[str, str]:
    """The options that a name can carry (`ibm:ibm_torino?mode=batch&account=lab`), and their types."""
    taken = inspect.signature(IbmQpu).parameters
    types = {name: str(about.annotation) for name, about in taken.items() if name not in _OBJECTS}
    return {"seed": "int", **types, **dict.fromkeys(Reference.__struct_fields__, "str")}
