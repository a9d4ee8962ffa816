"""`recourse doctor`: what in a service's clients and policies makes an outage worse."""

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from recourse.integrations.doctor import (
    Complaint,
    Needs,
    examine,
    examine_installation,
    examine_policies,
    needs_of,
)
from recourse.integrations.doctor.clients import is_known
from recourse.policy.environment import POLICY_FILE, Environment
from recourse.policy.load import load
from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import warn
from recourse_observe.cli.output import write_json, write_lines
from recourse_observe.text import plural, printable

__all__ = ["doctor"]


@click.command()
@click.option(
    "--policy", "file", type=click.Path(dir_okay=False, exists=True), help="The policy file."
)
@click.option(
    "--import",
    "names",
    multiple=True,
    metavar="MODULE[:NAME]",
    help="A client, or a module whose clients are looked at; may be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 when something is found.")
def doctor(*, file: str | None, names: Sequence[str], as_json: bool, exit_code: bool) -> int:
    """Look for what makes an outage worse: retries on retries, pools too small, no limits.

    The clients are imported here, as the service imports them, and looked at; none is used.
    RECOURSE_POLICY_FILE stands in for --policy.
    """
    path = file or Environment.of(os.environ).policy_file
    found = examine_installation()
    needs = Needs()
    if path:
        policies = load(path)
        needs = needs_of(policies)
        found += examine_policies(policies)
    clients = [one for name in names for one in _clients(name)]
    for name, client in clients:
        found += examine(client, name, needs)
    if as_json:
        write_json("recourse.doctor/1", {"complaints": [asdict(one) for one in found]})
    else:
        write_lines(printable(f"{one.rule}: {one}") for one in found)
    _sum_up(found, len(clients), path)
    return Exit.FOUND if exit_code and found else Exit.OK


def _sum_up(found: Sequence[Complaint], clients: int, path: str | None) -> None:
    no_file = f"no policy file (name one with --policy or {POLICY_FILE})"
    looked = f"{plural(clients, 'client')}, {f'the policies of {path}' if path else no_file}"
    what = plural(len(found), "complaint") if found else "no complaint"
    warn(f"{what}; looked at the installation, {looked}")


def _clients(name: str) -> Iterator[tuple[str, Any]]:
    """The client of this name, or all known clients of a module."""
    place, _, path = name.partition(":")
    here = os.getcwd()  # noqa: PTH109 -- as `python -m` would have it
    sys.path[:0] = () if here in sys.path else (here,)
    try:
        thing: Any = importlib.import_module(place)
        for part in path.split(".") if path else ():
            thing = getattr(thing, part)
    except Exception as error:  # noqa: BLE001 -- whatever the service's own module raises is the user's
        message = f"--import {name!r} cannot be imported: {type(error).__name__}: {error}"
        raise click.UsageError(message, click.get_current_context()) from None
    if path:
        if not is_known(thing):
            warn(f"{name} is a {type(thing).__name__}, of which nothing is known")
            return
        yield name, thing
        return
    for own, value in sorted(vars(thing).items()):
        if is_known(value):
            yield f"{place}:{own}", value
