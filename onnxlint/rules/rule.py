"""What a rule is: a function that gets the analyses its signature asks for, and yields findings."""

from __future__ import annotations

import importlib
import re
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.findings import Finding
from onnxlint.rules.parameters import NOTHING, is_plain, parameters
from onnxlint.severity import Severity, Stage

if TYPE_CHECKING:
    from onnxlint.rules.documentation import Documentation

RuleFunction = Callable[..., Iterable[Finding]]

_CODE = re.compile(r"[A-Z]{3,8}\d{3}")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VERSION = re.compile(r"\d+(\.\d+)*[a-z0-9.+-]*")


class RuleError(Exception):
    """A rule that is not written as a rule must be: which, what, and how it should be."""


class Option(Struct, frozen=True):
    """A keyword-only parameter of a rule: what a team may set in its configuration.

    A signature describes it: `dead: Annotated[float, Option("share of …", unit="fraction")] = 0.5`.

    Args:
        description: what it limits or chooses, as a noun phrase in lower case.
        unit: what it counts, e.g. `"fraction"`, `"samples"`, `"bytes"`.
        type: read off the signature.
        default: read off the signature.
    """

    description: str = ""
    unit: str = ""
    type: Any = None
    default: Any = None


class Needs(Struct, frozen=True):
    """What a rule asks for, as the signatures of the rule and of the analyses have it.

    `requested` are the analyses that it cannot do without and all that these are built from, as
    `module:name`, in the order in which they are built. `runs` says whether one of them runs the
    model, and `may_run` whether one does that it merely wishes for. `beside` are those that have a
    process of their own. `effort` counts all, wishes included, some of them many times. `settings`
    are those without which nobody asked for the requested analyses, each with what is said where it
    is None. `settled` says whether one of the analyses, once it is there, leaves nothing to ask of
    the process that runs the model.
    """

    requested: tuple[str, ...]
    beside: frozenset[str]
    runs: bool
    may_run: bool
    effort: int
    settings: tuple[tuple[str, str], ...] = ()
    settled: bool = False


class Written(Struct, frozen=True):
    """Where a rule is written that is not loaded yet, and what it will ask for."""

    module: str
    name: str
    needs: Needs

    def load(self) -> RuleFunction:
        """The function itself."""
        rule: Rule = getattr(importlib.import_module(self.module), self.name)
        return rule.function


class Rule(Struct, frozen=True, eq=False, dict=True):
    """A rule: code and name are its public identity, the rest says when and on what it runs.

    `written` is its function, or the place of one that is loaded when it is needed.

    `since` is the version of its pack that it came with, empty where nobody says; a `preview` rule
    may still change or go. `documented` is what a rule written in TOML says of itself; others have
    a docstring.
    """

    code: str
    name: str
    severity: Severity
    written: RuleFunction | Written
    ops: frozenset[str] = frozenset()
    stages: frozenset[Stage] = frozenset(Stage)
    pack: str = ""
    default: bool = True
    documented: Documentation | None = None
    since: str = ""
    preview: bool = False

    def __call__(self, *args: Any, **kwargs: Any) -> Iterable[Finding]:
        """Runs the rule's function itself."""
        return self.function(*args, **kwargs)

    @cached_property
    def function(self) -> RuleFunction:
        """The function that gets the analyses and yields the findings."""
        return self.written.load() if isinstance(self.written, Written) else self.written

    @property
    def module(self) -> str:
        """The module that it is written in."""
        return self.written.module if isinstance(self.written, Written) else self.written.__module__

    @property
    def family(self) -> str:
        """The letters of its code."""
        return self.code.rstrip("0123456789")

    @property
    def status(self) -> str:
        """`stable`, or `preview`: it may still change or go, and runs only if asked for."""
        return "preview" if self.preview else "stable"

    @cached_property
    def documentation(self) -> Documentation:
        """What its docstring says, or its table."""
        from onnxlint.rules.documentation import Documentation  # for those that are shown

        return self.documented or Documentation.parse(self.function.__doc__ or "")

    @cached_property
    def requests(self) -> Mapping[str, type]:
        """The analyses that it cannot do without: parameter name to type."""
        return {name: hint for name, hint in self._asked.items() if _wished(hint) is None}

    @cached_property
    def wishes(self) -> Mapping[str, type]:
        """Those that it gets where they can be had, and else None: a parameter `Kind | None`.

        They do not make a rule one that runs the model: `--static-only` runs it without them.
        """
        found = {name: _wished(hint) for name, hint in self._asked.items()}
        return {name: kind for name, kind in found.items() if kind is not None}

    @cached_property
    def _asked(self) -> Mapping[str, Any]:
        hints = self._hints
        return {
            each.name: hints[each.name] for each in parameters(self.function) if not each.is_keyword
        }

    @cached_property
    def options(self) -> Mapping[str, Option]:
        """What can be configured: option name (with hyphens) to type and default."""
        hints = self._hints
        return {
            each.name.replace("_", "-"): _option(hints[each.name], each.default)
            for each in parameters(self.function)
            if each.is_keyword
        }

    @cached_property
    def _hints(self) -> Mapping[str, Any]:
        try:
            named = _named_hints(self.function)
            if named is not None:
                return named
            return typing.get_type_hints(self.function, include_extras=True)
        except (NameError, AttributeError, TypeError, ImportError) as error:
            raise RuleError(f"rule {self.code}: a type in its signature: {error}") from error

    def runs_unasked(self, *, preview: bool = False) -> bool:
        """Whether `ALL` has it: not if it is off by default, or a preview and none are wanted."""
        return self.default and (preview or not self.preview)

    def is_chosen_by(self, selector: str, *, preview: bool = False) -> bool:
        """Whether a selector makes it run; one that `ALL` leaves out wants its code or name."""
        is_named = selector in (self.code, self.name)
        return self.matches(selector) and (is_named or self.runs_unasked(preview=preview))

    def matches(self, selector: str) -> bool:
        """Whether a code, a code prefix or a name means this rule; `ALL` means every one."""
        return selector in (self.name, "ALL") or (
            selector[:1].isupper() and self.code.startswith(selector)
        )


def _named_hints(function: RuleFunction) -> Mapping[str, Any] | None:
    """The types of parameters, where each is the name of a class in the function's module.

    So are those of most rules, and to evaluate them takes ten times as long. None of other ones.
    """
    if not is_plain(function):
        return None
    types = {name: each for name, each in function.__annotations__.items() if name != "return"}
    names = function.__globals__
    hints = {name: names.get(each) if isinstance(each, str) else each
             for name, each in types.items()}  # fmt: skip
    return hints if all(isinstance(each, type) for each in hints.values()) else None


def _wished(hint: Any) -> type | None:
    """The type of `Kind | None`; None of any other."""
    if typing.get_origin(hint) not in (Union, UnionType):
        return None
    kinds = [each for each in typing.get_args(hint) if each is not NoneType]
    return kinds[0] if len(kinds) == 1 else None


def _option(hint: Any, default: Any) -> Option:
    """An option with what its signature says of it; of `Annotated` the type stands first."""
    if typing.get_origin(hint) is not Annotated:
        return Option(type=hint, default=default)
    kind, *said = typing.get_args(hint)
    described = next((each for each in said if isinstance(each, Option)), Option())
    return replace(described, type=kind, default=default)


def rule(
    code: str,
    name: str,
    *,
    severity: Severity,
    ops: Iterable[str] = (),
    stages: Iterable[Stage] = tuple(Stage),
    default: bool = True,
    since: str = "",
    preview: bool = False,
) -> Callable[[RuleFunction], Rule]:
    """Makes a function a rule.

    Its positional parameters name by their types the analyses it gets; its keyword-only parameters
    are its options and need types and defaults. Its docstring documents and tests it.

    Args:
        code: three letters of the family and three digits, never reused.
        name: lower case with hyphens; reads well after "allow".
        severity: of its findings, unless one says otherwise.
        ops: operators it looks at; in a model without any of them it is not applicable.
        stages: the stages of training in which it makes sense.
        default: whether it runs unasked; if not, its code or name must be selected, for `ALL` and
            prefixes leave it out: `--select ALL,WGT013`.
        since: the version of the pack that it came with; without it the `SINCE` of its module, or
            of the nearest package around it that has one.
        preview: whether it may still change or go; it runs if its code or name is selected, or
            with `--preview`.

    Raises:
        RuleError: code, name, signature or docstring are not as they must be.
    """

    def decorate(function: RuleFunction) -> Rule:
        return checked(
            Rule(code, name, severity, function, frozenset(ops), frozenset(stages),
                 default=default, since=since or _declared_since(function), preview=preview)
        )  # fmt: skip

    return decorate


def _declared_since(function: RuleFunction) -> str:
    """What a rule's module says, or the nearest package around it."""
    name = function.__module__
    while name:
        since = getattr(sys.modules.get(name), "SINCE", None)
        if since is not None:
            return str(since)
        name = name.rpartition(".")[0]
    return ""


def checked(made: Rule) -> Rule:
    """The rule, if code, name, signature and documentation are as they must be.

    Raises:
        RuleError: they are not.
    """
    if not _CODE.fullmatch(made.code):
        raise RuleError(f"rule code {made.code!r} must be capital letters and three digits")
    if not _NAME.fullmatch(made.name):
        raise RuleError(f"rule {made.code}: name {made.name!r} must be words joined by hyphens")
    for parameter in parameters(made.function):
        if parameter.annotation is NOTHING:
            raise RuleError(f"rule {made.code}: parameter {parameter.name!r} needs a type")
        if parameter.is_keyword and parameter.default is NOTHING:
            raise RuleError(f"rule {made.code}: option {parameter.name!r} needs a default")
    if made.since and not _VERSION.fullmatch(made.since):
        raise RuleError(f"rule {made.code}: since {made.since!r} must be a version, such as '0.2'")
    if not made.function.__doc__ and made.documented is None:
        raise RuleError(
            f"rule {made.code}: a docstring is missing; it documents and tests the rule"
        )
    return made
