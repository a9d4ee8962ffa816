"""`recourse whatif`: how an incident would have gone under another policy."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import common, explain, opened, the_archive, warn
from recourse_observe.cli.which import incident_option, numbered
from recourse_observe.scope import EVERYTHING
from recourse_observe.story.named import Reference

if TYPE_CHECKING:
    from recourse_observe.whatif.answer import Answer

__all__ = ["whatif"]

_EVERY_RUNS = 10


@click.command()
@click.argument("archive", required=False)
@common
@click.option("-k", "--key", required=True, metavar="KEY", help="The policy key.")
@click.option(
    "--set", "edits", multiple=True, metavar="FIELD=VALUE", help="Change the recorded policy."
)
@click.option("--policy", type=click.Path(exists=True, dir_okay=False), help="Or follow this file.")
@incident_option("About which:")
@click.option("--sweep", metavar="FIELD=A,B,C", help="One answer for each value.")
@click.option("--suggest", is_flag=True, help="Search for better policies; nothing is applied.")
@click.option("--export", type=click.Path(dir_okay=False), help="Write the first suggestion here.")
@click.option("--jobs", type=click.IntRange(1, 64), help="Worker processes; all cores by default.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "md", "json"]),
    default="text",
    show_default=True,
    help="How it is written.",
)
@click.option("--explain", "explained", is_flag=True, help="Show the SQL on stderr.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def whatif(  # noqa: PLR0913  # one argument per option
    *,
    archive: str | None,
    other: str | None,
    timeout: float | None,
    key: str,
    edits: tuple[str, ...],
    policy: str | None,
    incident: Reference | None,
    sweep: str | None,
    suggest: bool,
    export: str | None,
    jobs: int | None,
    form: str,
    explained: bool,
    as_json: bool,
) -> int:
    """Tell how an incident in ARCHIVE would have gone under another policy.

    Every number says how far it may be believed: EXACT is counted, BOUND is not crossed where less
    load cannot harm, MODEL is simulated against a dependency that was fitted to the archive.
    """
    from recourse_observe.whatif import NoIncidentError, NoKeyError, ask, render

    if policy is not None and edits:
        message = "--policy and --set exclude each other; edit the file, or the recorded policy"
        raise click.UsageError(message, click.get_current_context())
    with opened(the_archive(archive, other), timeout) as found:
        try:
            answer = ask(
                found,
                key,
                edits=edits,
                policy_file=policy,
                incident=numbered(found, incident),
                sweep=sweep,
                suggest=suggest or export is not None,
                processes=jobs or os.cpu_count() or 1,
                progress=_Progress(),
            )
        except (NoIncidentError, NoKeyError) as wrong:
            raise click.UsageError(str(wrong), click.get_current_context()) from None
    if explained:
        _explain(answer)
    writers = {"json": render.as_json, "md": render.as_markdown, "text": render.as_text}
    text = writers["json" if as_json else form](answer)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    return Exit.OK if export is None else _exported(answer, export)


def _explain(answer: "Answer") -> None:
    """The queries that bring what was recorded; all else is counted or simulated from it."""
    from recourse_observe.queries.statements import literal

    scope = EVERYTHING.of(answer.key).during(answer.start_unix_us, answer.end_unix_us)
    for name in ("whatif_calls", "whatif_attempts", "whatif_budget"):
        explain(literal(name, scope))


def _exported(answer: "Answer", path: str) -> int:
    if not answer.suggestions:
        warn(f"nothing is written to {path}: no policy that was tried is better")
        return Exit.ERROR
    Path(path).write_text(answer.suggestions[0].toml, encoding="utf-8")
    warn(f"the first suggestion is in {path}; look at its comments before it is used")
    return Exit.OK


class _Progress:
    """Says on stderr what is going on; of many runs, every tenth."""

    def __init__(self) -> None:
        self._ran = 0

    def __call__(self, text: str) -> None:
        if text.endswith(" runs"):
            self._ran += 1
            if self._ran % _EVERY_RUNS:
                return
        warn(text)
