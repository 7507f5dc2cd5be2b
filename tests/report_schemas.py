"""JSON Schemas of the parts of foreign report formats that are written, as strict as can be."""

from __future__ import annotations

from typing import Any


def closed(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": required | optional,
        "required": [*required],
        "additionalProperties": False,
    }


def array(items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


TEXT = {"type": "string", "minLength": 1}
LINE = {"type": "integer", "minimum": 1}
INDEX = {"type": "integer", "minimum": 0}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
MESSAGE = closed({"text": TEXT})
HELP = closed({"text": TEXT, "markdown": TEXT})

# SARIF 2.1.0, with what GitHub requires beyond the standard: a place of every result, a text of
# every rule, and its limits of length.
URI = {
    "type": "string",
    "pattern": r"^(file:///)?[!-~]+$",
    "not": {"pattern": r"^/|\\|%(?![0-9A-F]{2})"},
}
ARTIFACT = closed({"uri": URI}, uriBaseId={"const": "%SRCROOT%"})
REGION = closed({"startLine": LINE, "startColumn": LINE, "endLine": LINE, "endColumn": LINE})
PHYSICAL = closed({"artifactLocation": ARTIFACT, "region": REGION})
LOGICAL = closed({"name": TEXT, "fullyQualifiedName": TEXT,
                  "kind": {"enum": ["module", "node", "value", "scope"]}})  # fmt: skip
LOCATION = closed({"physicalLocation": PHYSICAL}, logicalLocations=array(LOGICAL, minItems=1))
RELATED = closed({"id": INDEX, "physicalLocation": PHYSICAL, "message": MESSAGE})
DESCRIPTION = closed({"text": TEXT | {"maxLength": 1024}})
RULE_PROPERTIES = closed(
    {"tags": array(TEXT, maxItems=10)},
    **{
        "problem.severity": {"enum": ["error", "warning", "recommendation"]},
        "security-severity": {"type": "string", "pattern": r"^\d\.\d$"},
    },
)
RULE = closed(
    {"id": TEXT, "name": TEXT | {"maxLength": 255}, "shortDescription": DESCRIPTION,
     "fullDescription": DESCRIPTION, "defaultConfiguration": closed({"level": LEVEL}),
     "help": HELP, "properties": RULE_PROPERTIES},
)  # fmt: skip
SUPPRESSION = closed(
    {"kind": {"const": "external"}, "status": {"const": "accepted"}, "justification": TEXT,
     "properties": closed({"kind": {"enum": ["suppressed", "accepted"]},
                           "file": {"type": "string"}})},
)  # fmt: skip
RESULT = closed(
    {"ruleId": TEXT, "ruleIndex": INDEX, "level": LEVEL, "message": MESSAGE,
     "locations": array(LOCATION, minItems=1, maxItems=1),
     "partialFingerprints": {"type": "object", "additionalProperties": TEXT,
                             "required": ["primaryLocationLineHash"]}},
    relatedLocations=array(RELATED),
    suppressions=array(SUPPRESSION),
)  # fmt: skip
NOTIFICATION = closed(
    {"level": LEVEL, "message": MESSAGE},
    locations=array(closed({"physicalLocation": PHYSICAL})),
    descriptor=closed({"id": TEXT}),
)
INVOCATION = closed(
    {"executionSuccessful": {"type": "boolean"}, "exitCode": {"enum": [0, 1, 2]},
     "toolExecutionNotifications": array(NOTIFICATION)}
)  # fmt: skip
DRIVER = closed({"name": {"const": "onnxlint"}, "version": TEXT, "rules": array(RULE),
                 "notifications": array(closed({"id": TEXT, "name": TEXT}))})  # fmt: skip
SARIF = closed(
    {
        "$schema": TEXT,
        "version": {"const": "2.1.0"},
        "runs": array(
            closed(
                {
                    "tool": closed({
                        "driver": DRIVER,
                        "extensions": array(closed({"name": TEXT}, version=TEXT), maxItems=100),
                    }),
                    "invocations": array(INVOCATION, minItems=1, maxItems=1),
                    "originalUriBaseIds": {"type": "object"},
                    "columnKind": {"const": "unicodeCodePoints"},
                    "results": array(RESULT, maxItems=25_000),
                }
            ),
            minItems=1,
            maxItems=20,
        ),
    }
)  # fmt: skip

GITLAB = array(
    closed(
        {
            "type": {"const": "issue"},
            "check_name": TEXT,
            "description": TEXT,
            "fingerprint": {"type": "string", "pattern": r"^[0-9a-f]{32}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "categories": array(TEXT),
            "location": closed({
                "path": TEXT | {"not": {"pattern": r"^\./"}},
                "lines": closed({"begin": LINE}),
            }),
        }
    )
)  # fmt: skip
