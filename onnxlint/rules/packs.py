"""Finds rules: those of installed packs by entry point, a team's own by path."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from msgspec import Struct, field

from onnxlint.findings import ENGINE_PREFIX
from onnxlint.installed import Brought, brought
from onnxlint.nearest import nearest
from onnxlint.rules.diagnosis import FILE_PREFIX, words
from onnxlint.rules.index import index_of, modules
from onnxlint.rules.rule import Rule, RuleError
from onnxlint.safety.contained import contained
from onnxlint.safety.forked import Crashed, Isolated
from onnxlint.safety.limits import Budget, default_memory_limit
from onnxlint.safety.unfinished import Terminated
from onnxlint.toml_tables import exists, real_path

ENTRY_POINT_GROUP = "onnxlint.rules"


class PackError(Exception):
    """A pack that does not load or breaks the contract: which, what, and what to do."""


class Registry(Struct):
    """Every rule that was found, in the order of their codes, and the packs they came with."""

    packs: dict[str, str] = field(default_factory=dict)
    _rules: dict[str, Rule] = field(default_factory=dict)
    _by_name: dict[str, Rule] = field(default_factory=dict)
    _owners: dict[str, str] = field(default_factory=dict)

    @property
    def rules(self) -> list[Rule]:
        """All rules, by code."""
        return sorted(self._rules.values(), key=lambda rule: rule.code)

    def add(self, rule: Rule, owner: str) -> None:
        """Takes a rule in.

        Raises:
            PackError: its code or name is taken, or reserved.
        """
        if rule.family == ENGINE_PREFIX:
            raise PackError(f"{owner}: code {rule.code} is reserved for onnxlint itself; rename it")
        for taken in (self._rules.get(rule.code), self.named(rule.name)):
            if taken is not None and taken is not rule:
                raise PackError(
                    f"{owner}: rule {rule.code} {rule.name!r} clashes with {taken.code} "
                    f"{taken.name!r} of {self._owners[taken.code]}; give it another code and name"
                )
        self._rules[rule.code] = self._by_name[rule.name] = rule
        self._owners[rule.code] = owner

    def named(self, name: str) -> Rule | None:
        """The rule of this name."""
        return self._by_name.get(name)

    def owner(self, rule: Rule) -> str:
        """The pack or file a rule came from."""
        return self._owners[rule.code]

    def select(self, selector: str) -> list[Rule]:
        """The rules that a code, a prefix or a name means.

        Raises:
            PackError: it means none; the message suggests what may have been meant.
        """
        chosen = [rule for rule in self.rules if rule.matches(selector)]
        if not chosen:
            near = self._meant(selector)
            hint = f"did you mean {near!r}?" if near else "'onnxlint rules' lists them"
            raise PackError(f"unknown rule {selector!r}; {hint}")
        return chosen

    def _meant(self, selector: str) -> str | None:
        """What may have been meant: in capitals, with letters in another order, or nearly so."""
        if any(rule.matches(selector.upper()) for rule in self.rules):
            return selector.upper()
        families = sorted({rule.family for rule in self.rules})
        turned = [each for each in families if sorted(each) == sorted(selector.upper())]
        known = [word for rule in self.rules for word in (rule.name, rule.code)]
        near = turned or nearest(selector, [*known, *families])
        return near[0] if near else None


def discover(paths: Iterable[Path] = (), require: Iterable[str] = ()) -> Registry:
    """All rules of installed packs and of the given files and folders.

    Raises:
        PackError: a pack or file does not load, breaks the contract, or is required and missing.
    """
    registry = Registry()
    for entry in brought(ENTRY_POINT_GROUP):
        _add_pack(registry, entry)
    for path in paths:
        for rule in rules_in_path(path):
            registry.add(rule, str(path))
    for name in require:
        if name not in registry.packs and name not in {rule.family for rule in registry.rules}:
            raise PackError(f"the configuration requires pack {name!r}, which is not installed")
    return registry


def _add_pack(registry: Registry, entry: Brought) -> None:
    distribution = entry.distribution or entry.value
    pack = entry.value.partition(".")[0]
    registry.packs[pack] = entry.version
    for rule in _loaded(f"pack {distribution!r} ({entry.value})", entry.value):
        if rule.family != entry.name:
            raise PackError(
                f"pack {distribution!r} claims prefix {entry.name!r} but contains {rule.code}; "
                "an entry point's name must be the prefix of all its rules"
            )
        registry.add(rule, pack)


def _loaded(label: str, package: str) -> Iterator[Rule]:
    index = index_of(package)
    files = [*modules(package)] if index else []
    if not files:
        yield from _imported(label, package)
    for name, size in files:
        known = index.get(name)
        if known is not None and known.size == size:
            yield from (entry.rule(name) for entry in known.rules)
        else:
            yield from _imported(label, name, alone=True)


def _imported(label: str, package: str, *, alone: bool = False) -> Iterator[Rule]:
    import pkgutil  # of use only for a pack without an index

    try:
        with contained():  # what a pack prints is no part of the report
            root = importlib.import_module(package)
            within = [] if alone else pkgutil.walk_packages(getattr(root, "__path__", []))
            names = [f"{package}.{info.name}" for info in within]
            loaded = [root, *map(importlib.import_module, names)]
    except (KeyboardInterrupt, Terminated):
        raise
    except BaseException as error:  # sys.exit, too
        raise _broken(label, error) from error
    for module in loaded:
        yield from _rules_of(module)


RULE_SUFFIXES = (".py", ".toml")
"""Files that may hold rules: functions with `@rule`, and `[[rule]]` tables."""


def rules_in_path(path: Path) -> list[Rule]:
    """The rules of a file in Python or TOML, or of every such file below a folder.

    Raises:
        PackError: there is no such file, it holds no rule, or it does not load.
    """
    if not exists(path):
        raise PackError(f"rule path {str(path)!r} does not exist; check --rules and 'rule-paths'")
    files = (
        [path]
        if path.is_file()
        else sorted(file for file in path.rglob("*") if file.suffix in RULE_SUFFIXES)
    )
    rules = [rule for file in files for rule in rules_of_file(file)]
    if not rules:
        raise PackError(
            f"rule path {str(path)!r} contains no rules; a rule is a function with @rule, "
            "or a [[rule]] table in TOML"
        )
    return rules


def rules_of_file(file: Path) -> list[Rule]:
    """The rules of one file in Python or TOML; none is no error.

    Raises:
        PackError: it does not load.
    """
    if file.suffix == ".toml":
        return _rules_of_tables(file)
    return list(_rules_of(_import_file(file)))


def _rules_of_tables(file: Path) -> list[Rule]:
    from onnxlint.rules.toml_rules import rules_of
    from onnxlint.toml_tables import ConfigError

    try:
        return [*rules_of(file)]
    except RuleError as error:
        raise PackError(f"{file}: {error}") from error
    except ConfigError as error:
        raise PackError(str(error)) from error


def _import_file(file: Path) -> ModuleType:
    import hashlib  # for rules in files alone

    digest = hashlib.sha256(os.fsencode(real_path(file))).hexdigest()[:12]
    name = f"{FILE_PREFIX}{digest}_{file.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise PackError(f"rule file {str(file)!r} is not a Python file")
    _try_out(file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with contained():
            spec.loader.exec_module(module)
    except (KeyboardInterrupt, Terminated):
        del sys.modules[name]
        raise
    except BaseException as error:
        del sys.modules[name]
        raise _broken(f"rule file {str(file)!r}", error) from error
    return module


LOADING_SECONDS = 60.0
"""A rule file that takes longer to load hangs: a choice, for some import large frameworks."""


def _try_out(file: Path) -> None:
    """Runs a file in a child first, for it may end the process, or never end.

    Raises:
        PackError: it does.
    """
    if not hasattr(os, "fork"):
        return
    budget = Budget(LOADING_SECONDS, default_memory_limit())
    try:
        ending = Isolated(_executed, os.fsencode(file), budget).result()
    except Crashed as error:
        raise _unloaded(f"rule file {str(file)!r}", str(error)) from error
    if ending != _LOADED:
        raise _unloaded(f"rule file {str(file)!r}", ending.decode(errors="replace"))


def _executed(file: bytes) -> bytes:
    """Executes a file; other exceptions come again, and are told then."""
    spec = importlib.util.spec_from_file_location("onnxlint_rules_on_trial", os.fsdecode(file))
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        try:
            spec.loader.exec_module(module)
        except KeyboardInterrupt as error:  # not the user's, who would have ended the child
            return words(error).encode()
        except BaseException:
            return _LOADED
    return _LOADED


_LOADED = b"loaded"


def _rules_of(module: ModuleType) -> Iterator[Rule]:
    """The rules defined in a module, not those it imports."""
    for thing in vars(module).values():
        if isinstance(thing, Rule) and thing.module == module.__name__:
            yield thing


def _broken(label: str, error: BaseException) -> PackError:
    return _unloaded(label, str(error) if isinstance(error, RuleError) else words(error))


def _unloaded(label: str, what: str) -> PackError:
    return PackError(f"cannot load {label}: {what}; fix or remove it")
