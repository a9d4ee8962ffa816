"""`recourse story`: what happened, why, and what to change."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import common, explain, opened, the_archive
from recourse_observe.cli.output import terminal_width
from recourse_observe.cli.which import incident_option
from recourse_observe.story.named import Reference, incident_named

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.story.findings import StoryDocument

__all__ = ["story"]


@click.command()
@click.argument("archive", required=False)
@common
@incident_option("Only this one:")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "md", "html", "json"]),
    default="text",
    show_default=True,
    help="How it is written.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--explain", "explained", is_flag=True, help="Show the SQL on stderr.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 when an incident was found.")
def story(  # noqa: PLR0913  # one argument per option
    *,
    archive: str | None,
    other: str | None,
    timeout: float | None,
    incident: Reference | None,
    form: str,
    as_json: bool,
    explained: bool,
    exit_code: bool,
) -> int:
    """Tell what happened in ARCHIVE, why, whether our retries helped, and what to change."""
    from recourse_observe.story import render  # the story engine takes longer than --help
    from recourse_observe.story.tell import tell

    with opened(the_archive(archive, other), timeout) as found:
        document = tell(found)
        if incident is not None:
            document = replace(document, incidents=(incident_named(incident, document),))
        if form == "html" and not as_json:
            text = _page(found, document)
        elif form == "json" or as_json:
            text = render.as_json(document)
        else:
            text = (
                render.as_markdown(document)
                if form == "md"
                else render.as_text(document, terminal_width())
            )
    if explained:
        for fact in (fact for one in document.incidents for fact in one.facts):
            explain(f"-- {fact.role} {' '.join(fact.text.split())}\n{fact.sql}")
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    return Exit.FOUND if exit_code and document.incidents else Exit.OK


def _page(archive: "Archive", document: "StoryDocument") -> str:
    """The document as a page with curves."""
    from recourse_observe.story.charts import curves  # pages are rare
    from recourse_observe.story.html import as_html

    return as_html(document, {one.id: curves(archive, one) for one in document.incidents})
