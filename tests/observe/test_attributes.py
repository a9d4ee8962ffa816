"""One list of names: attributes, fields, metrics, archive columns and pages agree."""

import ast
from pathlib import Path

from recourse_observe import attributes
from recourse_observe.archive.schema import TABLES
from recourse_observe.attributes import ATTRIBUTES, EVENTS, METRICS

ROOT = Path(__file__).parents[2]
SINK = ROOT / "recourse_observe" / "sinks" / "otel"
PAGES = ROOT / "docs" / "how-to"
LISTED = {
    *(each.name for each in ATTRIBUTES),
    *(each.name for each in METRICS),
    *EVENTS,
}
# Fields of logs that an archive keeps in another shape, or not at all.
NOT_IN_ARCHIVES = {"", "budget_kind", "events_dropped", "index", "observer", "retry_delay_s"}
RENAMED = {"policy_key": "key"}


def columns() -> set[str]:
    return {column.name for table in TABLES.values() for column in table.columns}


def test_no_name_is_listed_twice() -> None:
    for names in ([each.name for each in ATTRIBUTES], [each.name for each in METRICS], EVENTS):
        assert len(names) == len(set(names))


def test_no_attribute_is_a_namespace_too() -> None:
    names = [each.name for each in ATTRIBUTES]

    assert [n for n in names if any(other.startswith(f"{n}.") for other in names)] == []


def test_the_sink_writes_listed_names_only() -> None:
    written = {
        node.value
        for path in SINK.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith(("recourse.", "error."))
    }

    assert written - LISTED == {"recourse.otel"}  # the sink's own logger


def test_every_attribute_is_written_somewhere() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in SINK.glob("*.py"))

    assert [each.name for each in ATTRIBUTES if f'"{each.name}"' not in text] == []


def test_fields_of_logs_are_columns_of_archives() -> None:
    fields = {RENAMED.get(each.field, each.field) for each in ATTRIBUTES} - NOT_IN_ARCHIVES
    # An archive keeps durations as whole microseconds.
    expected = {f"{field[:-2]}_us" if field.endswith("_s") else field for field in fields}

    assert expected - columns() == set()


def test_names_of_events_and_metrics_have_constants() -> None:
    constants = [value for name, value in vars(attributes).items() if name.isupper()]

    assert [each for each in (*EVENTS, *METRICS) if each not in constants] == []


def test_the_page_lists_every_attribute_and_metric_as_declared() -> None:
    page = (PAGES / "export-to-opentelemetry.md").read_text(encoding="utf-8").splitlines()

    rows = {
        *(f"| `{each.name}` | {each.kind} | {each.about} |" for each in ATTRIBUTES),
        *(
            f"| `{each.name}` | {each.kind} | {each.unit} | "
            + ", ".join(f"`{name}`" for name in each.attributes)
            + " |"
            for each in METRICS
        ),
    }
    assert rows - set(page) == set()
    assert {line for line in page if line.startswith(("| `recourse.", "| `error."))} == rows


def test_the_page_lists_every_line_of_logs() -> None:
    page = (PAGES / "log-with-structlog.md").read_text(encoding="utf-8")

    assert [name for name in EVENTS if name not in page] == [attributes.CALL_EXCEPTION]
