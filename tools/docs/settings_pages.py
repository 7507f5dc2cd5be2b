"""The pages about the command line, the configuration and the JSON report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from onnxlint.cli.main import COMMANDS, cli

PATTERNS = "[Patterns](../patterns.md) shows the language."
SCHEMAS = Path(__file__).parents[2] / "onnxlint" / "schemas"


def pages() -> dict[str, str]:
    """The text of each page, by its path."""
    return {
        "reference/command_line.md": "\n".join(_command_line()),
        "reference/configuration.md": "\n".join(_configuration()),
        "reference/report.md": "\n".join(_report()),
        "reference/diff_report.md": "\n".join(_diff()),
        "reference/history_report.md": "\n".join(_history()),
    }


def _command_line() -> Iterator[str]:
    yield "# Command line\n\nThis page is generated from the commands' own `--help`.\n"
    yield "| command | |\n|---|---|"
    for name, about in COMMANDS.items():
        yield f"| [`onnxlint {name}`](#onnxlint-{name}) | {about} |"
    yield f"\n{cli.epilog}\n"
    yield "`onnxlint MODEL` is short for `onnxlint check MODEL`."
    for name in COMMANDS:
        module = import_module(f"onnxlint.cli.{name.replace('-', '_')}")
        yield from _command(f"onnxlint {name}", module.command)


def _command(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=name)
    yield f"\n## {name}\n\n```text\n{context.get_usage().removeprefix('Usage: ')}\n```\n"
    for paragraph in (command.help or "").replace("\b", "").split("\n\n"):
        yield " ".join(paragraph.split()) + "\n"
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    yield "| option | |\n|---|---|"
    for option, about in filter(None, records):
        yield f"| `{_cell(option)}` | {_cell(about).replace('[', chr(92) + '[')} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _configuration() -> Iterator[str]:
    schema = _schema("config")
    parts = {
        name: {**part, "needed": part.get("required", ())} for name, part in schema["$defs"].items()
    }
    yield "# Configuration\n"
    yield "`onnxlint.toml`, or the table `[tool.onnxlint]` of `pyproject.toml`. Unknown keys, rules"
    yield "and options are errors, with a suggestion. Keys are optional where not marked.\n"
    yield "`onnxlint schema config` prints the JSON Schema, which editors use to complete and check"
    yield "the file. With Taplo or Even Better TOML, save it and name it in the first line:\n"
    yield '```toml\n#:schema ./onnxlint.schema.json\nfail-on = "warning"\n```\n'
    yield "The nearest file is searched from the model's folder upwards, then from the working"
    yield "directory. [Untrusted models](../guides/untrusted_models.md) says what a file beside a"
    yield "model may decide.\n"
    yield from _keys("onnxlint.toml", schema)
    per_model = parts["PerModel"]
    shared = [key for key in per_model["properties"] if key in schema["properties"]]
    own = {key: each for key, each in per_model["properties"].items() if key not in shared}
    yield from _keys("[[per-model]]", {**per_model, "properties": own})
    yield f"\nAnd {', '.join(f'`{key}`' for key in shared)}, as above.\n"
    yield from _keys("[[ignore]]", parts["Ignore"])
    yield from _keys("[inputs.NAME]", parts["InputContract"])
    yield from _keys("[outputs.NAME]", parts["OutputContract"])
    contract = "[A contract for your model](../guides/contract.md) shows how to use it."
    yield from _keys("[architecture]", parts["Architecture"], contract)
    yield from _keys("[architecture.layers]", parts["LayerPromise"])
    yield from _keys("[values.NAME]", parts["ValuePromise"])
    yield from _keys("[budgets]", parts["Budgets"])
    yield from _keys("[budgets.latency]", parts["Latency"])
    yield from _keys("[provenance]", parts["Provenance"])
    yield from _keys("[provenance.signature]", parts["Signers"])
    yield from _keys(
        "[[rule]]", parts["RuleTable"], "[Patterns](../patterns.md) shows the language."
    )
    yield "\n## `[rules.NAME]`\n\nSeverity and options of one rule; the options are on the page of"
    yield "each [rule](../rules/index.md).\n"
    yield '```toml\n[rules.dead-relu]\nseverity = "error"\nmax-dead-fraction = 0.8\n```'


def _report() -> Iterator[str]:
    schema = _schema("report")
    yield "# JSON report\n"
    yield "`--format json` prints one document for all models, in ASCII, without NaN or infinity"
    yield "as numbers. `onnxlint schema report` prints its JSON Schema; the tests validate real"
    yield "reports against it. Measured numbers have nine significant digits.\n"
    yield from _keys("Document", schema)
    yield from _keys("tool", schema["properties"]["tool"])
    for name, part in schema["$defs"].items():
        yield from _keys(name, part)


def _history() -> Iterator[str]:
    schema = _schema("history")
    yield "# JSON of a history\n"
    yield "`onnxlint history --db DB --format json` prints one document, in ASCII. `onnxlint schema"
    yield "history` prints its JSON Schema; the tests validate real documents against it."
    yield "[History](../guides/history.md) says what is recorded.\n"
    yield from _keys("Document", schema)
    for name, part in schema["$defs"].items():
        yield from _keys(name, part)


def _diff() -> Iterator[str]:
    schema = _schema("diff")
    yield "# JSON of a diff\n"
    yield "`onnxlint diff OLD NEW --format json` prints one document, in ASCII, without NaN or"
    yield "infinity as numbers. `onnxlint schema diff` prints its JSON Schema; the tests validate"
    yield "real documents against it. Measured numbers have nine significant digits."
    yield "[Comparing two releases](../guides/comparing_releases.md) says what is compared.\n"
    yield from _keys("Document", schema)
    for name, part in schema["properties"].items():
        if "properties" in part:
            yield from _keys(name, part)
    for name, part in schema["$defs"].items():
        yield from _keys(name, part)


def _keys(title: str, part: dict[str, Any], further: str = "") -> Iterator[str]:
    yield f"\n## `{title}`\n\n{part['description']} {further}\n"
    yield "| key | type | meaning |\n|---|---|---|"
    for key, about in part["properties"].items():
        needed = " (required)" if key in part.get("needed", ()) else ""
        meaning = f"{_cell(about.get('description', ''))}{_default(about)}"
        yield f"| `{key}`{needed} | {kind_of(about)} | {meaning} |"


def _default(about: dict[str, Any]) -> str:
    default = about.get("default")
    return f" Default: `{json.dumps(default)}`." if default not in (None, [], {}, "") else ""


NAMED = {
    "Severity": "severity",
    "Stage": "`init` or `trained`",
    "Ignore": "table `[[ignore]]`",
    "InputContract": "table `[inputs.NAME]`",
    "OutputContract": "table `[outputs.NAME]`",
    "Architecture": "table `[architecture]`",
    "Budgets": "table `[budgets]`",
    "Latency": "table `{reference, ratio}`",
    "LayerPromise": "table `{kind, shape}`",
    "Provenance": "table `[provenance]`",
    "Signers": "table `{public-key}`",
    "ValuePromise": "tables `[values.NAME]`",
    "PerModel": "table `[[per-model]]`",
    "RuleTable": "table `[[rule]]`",
    "RuleTables": "tables `[rules.NAME]`",
}


def kind_of(schema: dict[str, Any]) -> str:
    """A schema's type in words."""
    if "$ref" in schema:
        return NAMED.get(name := schema["$ref"].rpartition("/")[2], f"table `{name}`")
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "anyOf" in schema:
        kinds = [kind_of(each) for each in schema["anyOf"]]
        return " or ".join("integer" if kind == "integer" else kind for kind in kinds)
    if schema.get("type") == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(map(kind_of, schema['prefixItems']))}]"
        return f"list of {kind_of(schema['items'])}"
    return {"object": "table"}.get(schema.get("type", ""), schema.get("type", "any"))


def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    return found
