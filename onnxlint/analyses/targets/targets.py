"""Where the model is to run, and what is known of it: limits, operators, types, each with a source.

The facts are the files of `onnxlint/targets`: a TOML file a target, and `onnxruntime.json`, which
`tools/docs/make_targets.py` reads off the releases themselves. What a file does not say is unknown,
and about what is unknown nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from onnxlint.model.graph.place import NotApplicable
from onnxlint.nearest import nearest
from onnxlint.settings import Settings

FOLDER = Path(__file__).parents[2] / "targets"

_NAME = re.compile(r"(?P<family>.+?)-(?P<version>\d+(?:\.\d+)*)")
_STRICT: Any = {"rename": "kebab", "forbid_unknown_fields": True, "frozen": True}

Numbers = Literal["native", "widened", "narrowed", "refused"]
"""What a target does with numbers of a type: computes with them, with wider or narrower ones."""


Functions = Literal["inlined", "refused"]
"""What a target does with a model's own functions."""


class TargetError(Exception):
    """A target that is not known: which, and what may have been meant."""


class Source(msgspec.Struct, **_STRICT):
    """Where facts come from, and from when the document is."""

    document: str
    date: str


class Release(msgspec.Struct, **_STRICT):
    """A release and its limits, and what it does otherwise than the whole family.

    `operators` names the tables that hold for it, together.
    """

    version: str
    ir_version: int | None = None
    opsets: dict[str, int] = {}
    operators: list[str] = []
    functions: Functions | None = None
    bfloat16: Numbers | None = None
    int64: Numbers | None = None
    reads_as: dict[str, str] = {}


class Operators(msgspec.Struct, **_STRICT):
    """Operators, separated by spaces, that run on these types (none named: on any).

    The types are those of the input in `slot`. A target of one list only need not name its table.
    """

    names: str
    table: str = ""
    types: str = ""
    slot: str = "i0"


class Family(msgspec.Struct, **_STRICT):
    """One file: what is known of a target and its releases, the oldest first.

    A target with a `host` is a part of onnxruntime: it reads the files that its host reads, and
    hands over to the host's kernels what it does not run itself; without operators of its own it
    is the host under another name.
    """

    title: str
    sources: list[Source]
    host: str | None = None
    kernels: str | None = None
    domains: list[str] = []
    functions: Functions | None = None
    float16: Numbers | None = None
    bfloat16: Numbers | None = None
    int64: Numbers | None = None
    reads_as: dict[str, str] = {}
    resize_modes: list[str] | None = None
    releases: list[Release] = []
    operators: list[Operators] = []


class _Kernel(msgspec.Struct, array_like=True, frozen=True):
    """A row of onnxruntime.json: releases and operator versions it holds for, types by slots."""

    first: str
    last: str | None
    since: int | None
    until: int | None
    types: dict[str, int]


class KernelTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What `tools/docs/make_targets.py` writes."""

    source: Source
    made_with: str
    releases: list[Release]
    kernels_of: list[str]
    types: list[str]
    kernels: dict[str, list[_Kernel]]


class Kernel(Struct, frozen=True):
    """An implementation of an operator from one of its versions to another.

    `until` is None for the newest: it holds for `since` alone, as a later version of the operator
    would be another operator. `types` says which types go into which slots (`i0`, `o1`).
    """

    since: int | None
    until: int | None
    types: tuple[tuple[tuple[str, ...], frozenset[str]], ...]

    def fits_version(self, since: int | None) -> bool:
        """Whether it implements the operator of this version."""
        if since is None or self.since is None or since == self.since:
            return True
        return self.until is not None and self.since <= since <= self.until

    def refused(self, dtypes: Mapping[str, str]) -> str | None:
        """A type among the known ones that it does not take."""
        for slots, taken in self.types:
            dtype = next((dtypes[slot] for slot in slots if slot in dtypes), None)
            if dtype is not None and dtype not in taken:
                return dtype
        return None


class Target(Struct, frozen=True):
    """One release of a target; what is not known is None.

    `opsets` holds the newest version of each domain that it reads, the standard one as empty
    string, and `domains` the vendors' operators that it knows. `float16`, `bfloat16` and `int64`
    say what it does with such numbers: `native`, `widened`, `narrowed` or `refused`.
    """

    family: str
    version: str
    title: str
    sources: tuple[Source, ...]
    ir_version: int | None
    opsets: Mapping[str, int]
    domains: frozenset[str]
    functions: str | None
    float16: str | None
    bfloat16: str | None
    int64: str | None
    resize_modes: frozenset[str] | None
    reads_as: Mapping[str, str]
    kernels: Mapping[str, Sequence[Kernel]] | None
    host: Target | None = None

    @property
    def name(self) -> str:
        """Family and release: `ort-cpu-1.20`."""
        return f"{self.family}-{self.version}" if self.version else self.family

    @property
    def is_onnxruntime(self) -> bool:
        """Whether it is onnxruntime, or a part of it."""
        return self.host is not None or self.family == "ort-cpu"

    def refusal(
        self, op: str, since: int | None, dtypes: Mapping[str, str]
    ) -> tuple[str, str | None] | None:
        """What of an operator it does not support itself, in few words, and the type of that.

        None where it runs it, or may.

        Args:
            op: with its domain, as `Node.op` has it.
            since: the version of the operator: the first opset that has it so.
            dtypes: the element types that are known, by slot: `{"i0": "float16"}`.
        """
        if self.kernels is None:
            return None
        kernels = self.kernels.get(op)
        if kernels is None:
            return op, None
        fitting = [kernel for kernel in kernels if kernel.fits_version(since)]
        if not fitting:
            return f"version {since} of {op}", None
        refused = _refused(fitting, dtypes) and _refused(fitting, self._read(dtypes))
        return None if refused is None else (f"{op} for {refused}", refused)

    def widens(self, op: str, since: int | None, dtypes: Mapping[str, str]) -> bool:
        """Whether it runs an operator only after a conversion of its inputs."""
        kernels = (self.kernels or {}).get(op, ())
        fitting = [kernel for kernel in kernels if kernel.fits_version(since)]
        return bool(fitting and _refused(fitting, dtypes)) and (
            _refused(fitting, self._read(dtypes)) is None
        )

    def _read(self, dtypes: Mapping[str, str]) -> dict[str, str]:
        """The types as it reads them."""
        return {slot: self.reads_as.get(dtype, dtype) for slot, dtype in dtypes.items()}

    def falls_back(self, op: str, since: int | None, dtypes: Mapping[str, str]) -> bool:
        """Whether a host runs what it does not run itself."""
        return self.host is not None and self.host.refusal(op, since, dtypes) is None


def _refused(kernels: Sequence[Kernel], dtypes: Mapping[str, str]) -> str | None:
    """A type that no kernel takes; None where one takes them all."""
    refused = [kernel.refused(dtypes) for kernel in kernels]
    return None if None in refused else refused[0]


class Targets:
    """The targets that the user named, in that order; none, where nobody did.

    A rule that has nothing to say without a target asks for `ChosenTargets`.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = tuple(targets)

    @classmethod
    def build(cls, settings: Settings) -> Targets:
        """Reads the files of the targets that the settings name."""
        return cls([resolve(name) for name in settings.targets])

    def __iter__(self) -> Iterator[Target]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)

    def chosen(self) -> Sequence[Target]:
        """The targets.

        Raises:
            NotApplicable: nobody named any.
        """
        if not self._targets:
            raise NotApplicable("no target is set")
        return self._targets

    def named(self, family: str) -> list[Target]:
        """The targets of a family: `targets.named("tensorrt")`."""
        return [target for target in self._targets if target.family == family]

    def any(self, **facts: str) -> bool:
        """Whether some target has all these facts: `targets.any(float16="native")`."""
        return any(
            all(getattr(target, name) == value for name, value in facts.items())
            for target in self._targets
        )


class ChosenTargets(Targets):
    """The targets that the user named; it cannot be had where nobody did.

    Rules that ask for it are then not even loaded.
    """

    @classmethod
    def build(cls, targets: Targets) -> ChosenTargets:  # type: ignore[override]
        """The same targets.

        Raises:
            NotApplicable: nobody named any.
        """
        return cls(targets.chosen())


def families() -> list[str]:
    """The names of all targets, without versions."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def resolve(name: str) -> Target:
    """The target of a name, with or without a version.

    Without one it is the newest release known, with the first numbers alone the newest of these; a
    version between two known ones is the lower.

    Raises:
        TargetError: there is no such target, or nothing is known of a version so old or so new.
    """
    if name in families():
        return _target(name, None)
    match = _NAME.fullmatch(name)
    if match is None or match["family"] not in families():
        raise TargetError(_unknown(name))
    return _target(match["family"], match["version"])


def _unknown(name: str) -> str:
    match = _NAME.fullmatch(name)
    wanted = match["family"] if match else name
    near = nearest(wanted, families())
    hint = f"did you mean {near[0]!r}?" if near else f"known targets: {', '.join(families())}"
    return f"unknown target {name!r}; {hint}"


@cache
def family(name: str) -> Family:
    """What a file says."""
    return msgspec.toml.decode((FOLDER / f"{name}.toml").read_bytes(), type=Family)


@cache
def kernel_table(name: str) -> KernelTable:
    """What a generated file says."""
    return msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=KernelTable)


def releases(name: str) -> list[Release]:
    """The releases of a target that something is known of, the oldest first."""
    known = family(name)
    if known.host is not None and not known.releases:
        return releases(known.host)
    measured = kernel_table(known.kernels).releases if known.kernels else []
    return [*known.releases, *measured]


@cache
def _target(name: str, version: str | None) -> Target:
    known = family(name)
    release = _release(name, version)
    host = _target(known.host, release.version) if known.host else None
    opsets = release.opsets or (host.opsets if host else {})
    sources = [*known.sources, *([kernel_table(known.kernels).source] if known.kernels else [])]
    return Target(
        family=name,
        version=release.version,
        title=known.title,
        sources=tuple(sources),
        ir_version=release.ir_version or (host.ir_version if host else None),
        opsets={_plain(domain): newest for domain, newest in opsets.items()},
        domains=frozenset(known.domains) | (host.domains if host else frozenset()),
        functions=release.functions or known.functions or (host.functions if host else None),
        float16=known.float16 or (host.float16 if host and not known.operators else None),
        bfloat16=release.bfloat16 or known.bfloat16,
        int64=release.int64 or known.int64,
        resize_modes=None if known.resize_modes is None else frozenset(known.resize_modes),
        reads_as=release.reads_as or known.reads_as or (host.reads_as if host else {}),
        kernels=_kernels(known, release) if known.operators or host is None else host.kernels,
        host=host,
    )


def _release(name: str, version: str | None) -> Release:
    """The newest known release up to a version."""
    known = releases(name)
    if version is None:
        return known[-1] if known else Release("")
    if not known:
        raise TargetError(f"{name!r} has no versions; write it without")
    within = [release for release in known if _is_of(release.version, version)]
    older = within or [release for release in known if _key(release.version) <= _key(version)]
    first, last = known[0].version, known[-1].version
    if not older or (not within and older[-1] is known[-1] and not _is_of(version, last)):
        raise TargetError(
            f"unknown version {version} of target {name}: {_span(first, last)}; "
            f"choose one of these, or {name!r} for the newest"
        )
    return older[-1]


def _is_of(version: str, release: str) -> bool:
    """Whether a version is the release or a part of it: 1.32.4 is of 1.32, and that of 1."""
    depth = release.count(".") + 1
    return _key(version)[:depth] == _key(release)


def _span(first: str, last: str) -> str:
    return f"known releases: {first} to {last}" if first != last else f"known release: {last}"


def _key(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _plain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def _kernels(known: Family, release: Release) -> Mapping[str, Sequence[Kernel]] | None:
    if known.kernels is not None:
        return _generated(known.kernels, release.version)
    tables = release.operators or ([""] if known.operators and not known.releases else [])
    return _written(known, tables) if tables else None


def _written(known: Family, tables: Sequence[str]) -> dict[str, list[Kernel]]:
    kernels: dict[str, list[Kernel]] = {}
    for group in known.operators:
        if group.table in tables:
            types = ((group.slot,), frozenset(group.types.split()))
            kernel = Kernel(None, None, (types,) if group.types else ())
            for name in group.names.split():
                kernels.setdefault(name, []).append(kernel)
    return kernels


def _generated(name: str, release: str) -> dict[str, list[Kernel]] | None:
    table = kernel_table(name)
    if release not in table.kernels_of:
        return None
    order = {each: number for number, each in enumerate(table.kernels_of)}
    types = [frozenset(entry.split(" ")) for entry in table.types]
    kernels: dict[str, list[Kernel]] = {}
    for op, rows in table.kernels.items():
        for row in rows:
            if order[row.first] <= order[release] <= order[row.last or release]:
                taken = tuple((tuple(slots.split()), types[n]) for slots, n in row.types.items())
                kernels.setdefault(op, []).append(Kernel(row.since, row.until, taken))
    return kernels
