"""The pages about rules: their list, a page for each family and one for each rule."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from itertools import groupby

from families import FAMILIES

from onnxlint.cli.explain import standing
from onnxlint.cli.rules import described, graded
from onnxlint.rules.packs import discover
from onnxlint.rules.rule import Rule

SPECIAL = re.compile(r"([\\*_{}\[\]#])")
CODE_OPTION = re.compile(r"(--\w+(?: [A-Z]+\d{3})?)")
CODE = re.compile(r"\b[A-Z]{3}\d{3}\b")
LINK = re.compile(r"https?://[^\s<>)]+[^\s<>).,;]")


def pages() -> dict[str, str]:
    """The text of each page, by its path."""
    rules = discover().rules
    known = {rule.code: rule for rule in rules}
    return {
        "rules/index.md": "\n".join(_index(rules)),
        **{
            f"rules/{family}/index.md": "\n".join(_family(family, list(group), known))
            for family, group in _by_family(rules)
        },
        **{f"rules/{rule.family}/{rule.code}.md": "\n".join(_page(rule, known)) for rule in rules},
    }


def navigation() -> list[object]:
    """The pages as a section of the site's navigation."""
    found: list[object] = ["rules/index.md"]
    for family, rules in _by_family(discover().rules):
        codes = [{rule.code: f"rules/{family}/{rule.code}.md"} for rule in rules]
        found.append({FAMILIES[family].heading: [f"rules/{family}/index.md", *codes]})
    return found


def _by_family(rules: list[Rule]) -> Iterator[tuple[str, Iterator[Rule]]]:
    return groupby(rules, key=lambda rule: rule.family)


def _index(rules: list[Rule]) -> Iterator[str]:
    off = sum(not rule.default for rule in rules)
    are = "is" if off == 1 else "are"
    yield f"# Rules\n\n{len(rules)} rules in {len(FAMILIES)} families;"
    yield f"{off} {are} off by default.\n"
    yield "`onnxlint rules` prints this list, `onnxlint explain CODE` a rule's page. A rule is"
    yield "selected, ignored and configured by its code or its name; a prefix such as `ACT` means"
    yield "a whole family."
    for family, group in _by_family(rules):
        about = FAMILIES[family]
        yield f"\n## [{about.heading}]({family}/index.md)\n\n{about.summary}\n"
        yield from _table(list(group), f"{family}/", {})


def _family(family: str, rules: list[Rule], known: Mapping[str, Rule]) -> Iterator[str]:
    about = FAMILIES[family]
    yield f"# {about.heading}\n\n{about.summary}\n\n{about.introduction}\n"
    yield from _table(rules, "", known)


def _table(rules: list[Rule], folder: str, known: Mapping[str, Rule]) -> Iterator[str]:
    yield "| code | name | severity | finds |\n|---|---|---|---|"
    for rule in rules:
        summary = prose(" ".join(rule.documentation.summary.split()), known)
        link = f"[{rule.name}]({folder}{rule.code}.md)"
        yield f"| {rule.code} | {link} | {graded(rule)} | {summary.replace('|', '&#124;')} |"


def _page(rule: Rule, known: Mapping[str, Rule]) -> Iterator[str]:
    documentation = rule.documentation
    known = {code: other for code, other in known.items() if other is not rule}
    yield f"# {rule.code} {rule.name}\n"
    yield f"**{rule.severity}**: {prose(documentation.summary, known)}\n"
    yield from _facts(rule)
    for title, text in (("Why", documentation.why), ("Fix", documentation.fix)):
        if text:
            yield f"\n## {title}\n\n{prose(text[:1].upper() + text[1:], known)}"
    yield from _options(rule)
    instead = documentation.instead
    good = [text for text in documentation.good if text not in instead]
    for title, examples in (("Bad", documentation.bad), ("Use instead", instead), ("Good", good)):
        for number, example in enumerate(examples, 1):
            count = f" {number}" if len(examples) > 1 else ""
            yield f"\n## {title}{count}\n\n```text\n{example}\n```"
    if documentation.references:
        yield "\n## References\n"
        yield from (f"- {_cited(*cited)}" for cited in documentation.references.items())
    yield from _related(rule, known)


def _facts(rule: Rule) -> Iterator[str]:
    facts = described(rule)
    yield f"Needs {', '.join(facts['asks_for'])} ([analyses](../../reference/analyses/index.md))."
    if facts["ops"]:
        yield f"Applies to models with {', '.join(f'`{op}`' for op in facts['ops'])}."
    if len(rule.stages) == 1:
        yield f"Applies only to models of stage `{facts['stages'][0]}`."
    yield CODE_OPTION.sub(r"`\1`", f"{'. '.join(standing(rule))}.")


def _cited(words: str, address: str) -> str:
    return f"<{address}>" if words == address else f"[{words}]({address})"


def _options(rule: Rule) -> Iterator[str]:
    if not rule.options:
        return
    yield "\n## Options\n\n| option | type | default | meaning |\n|---|---|---|---|"
    for name, option in rule.options.items():
        kind = html.escape(getattr(option.type, "__name__", str(option.type)))
        unit = getattr(option, "unit", "")
        about = prose(getattr(option, "description", ""), {})
        default = html.escape(repr(option.default))
        yield f"| `{name}` | {kind} | {default}{' ' + unit if unit else ''} | {about} |"
    configuration = "[configuration](../../reference/configuration.md)"
    yield f"\nSet them in `[rules.{rule.name}]` of the {configuration}."


def _related(rule: Rule, known: Mapping[str, Rule]) -> Iterator[str]:
    """The rules that this one names, and those that name it."""
    named = {code for code in CODE.findall(_words(rule)) if code in known}
    naming = {code for code, other in known.items() if rule.code in _words(other)}
    if named | naming:
        yield "\n## Related\n"
        for code in sorted(named | naming):
            yield f"- {_link(known[code])} {known[code].name}"


def _words(rule: Rule) -> str:
    documentation = rule.documentation
    return f"{documentation.summary} {documentation.why} {documentation.fix}"


def _link(rule: Rule) -> str:
    return f"[{rule.code}](../{rule.family}/{rule.code}.md)"


def prose(text: str, known: Mapping[str, Rule]) -> str:
    """A docstring as Markdown: backticks are code, codes of rules and addresses are links."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _plain(part, known) for part in parts)


def _plain(text: str, known: Mapping[str, Rule]) -> str:
    def linked(match: re.Match[str]) -> str:
        return _link(known[match[0]]) if match[0] in known else match[0]

    found, end = [], 0
    for address in LINK.finditer(text):
        found += [CODE.sub(linked, _escaped(text[end : address.start()])), f"<{address[0]}>"]
        end = address.end()
    return "".join([*found, CODE.sub(linked, _escaped(text[end:]))])


def _escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\1", html.escape(text, quote=False))
