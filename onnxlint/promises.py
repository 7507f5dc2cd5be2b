"""What a release promises, as the tables of the configuration say it; rules CTR hold it to them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from onnxlint.nearest import nearest
from onnxlint.origins import SIGNATURE, check_names
from onnxlint.toml_tables import TABLE, ConfigError, parse_bytes

Count = Annotated[int, msgspec.Meta(ge=0)]
Counts = int | tuple[int, int]
"""An exact number, or [lowest, highest]. Not of `Count`: msgspec 0.22 corrupts memory, with
constraints inside a tuple beside another type."""

Between = tuple[float, float]
"""[lowest, highest]."""

Positive = Annotated[float, msgspec.Meta(gt=0)]

DTYPES = {
    "float": "float32", "double": "float64", "float16": "float16", "float32": "float32",
    "float64": "float64", "bfloat16": "bfloat16", "bool": "bool", "string": "string",
    "int4": "int4", "int8": "int8", "int16": "int16", "int32": "int32", "int64": "int64",
    "uint4": "uint4", "uint8": "uint8", "uint16": "uint16", "uint32": "uint32",
    "uint64": "uint64", "complex64": "complex64", "complex128": "complex128",
    "float8e4m3fn": "float8e4m3fn", "float8e4m3fnuz": "float8e4m3fnuz",
    "float8e5m2": "float8e5m2", "float8e5m2fnuz": "float8e5m2fnuz", "float4e2m1": "float4e2m1",
}  # fmt: skip
"""Names of element types, ONNX's and numpy's, and the one that is shown."""

ANY = "*"
"""A dimension that may be anything."""

LONGEST_PATTERN = 1_000
"""Characters of a pattern or glob, as of a `[[per-model]]` glob."""

Glob = Annotated[str, msgspec.Meta(max_length=LONGEST_PATTERN)]
Dimension = Count | str


class LayerPromise(msgspec.Struct, **TABLE):
    """A layer that the model promises: its operator, and the shape of its weight."""

    kind: str
    shape: list[Count] | None = None


class Architecture(msgspec.Struct, **TABLE):
    """What the graph is promised to be.

    Opsets are those of the standard operators, or a table by domain. `operators` counts nodes by
    operator, those in subgraphs and functions included. `layers` are named by their module, else by
    their weight or node, in the order of the file.
    """

    opset: Counts | dict[str, Counts] | None = None
    ir_version: Counts | None = None
    parameters: Counts | None = None
    operators: dict[str, Counts] = {}
    other_operators: bool = True
    layers: dict[str, str | LayerPromise] = {}
    other_layers: bool = True

    def __post_init__(self) -> None:
        opsets = self.opsets.items()
        _check_counts(
            {
                **{f"opset of {domain or 'ai.onnx'!r}": bounds for domain, bounds in opsets},
                "ir-version": self.ir_version,
                "parameters": self.parameters,
                **{f"operators.{op}": bounds for op, bounds in self.operators.items()},
            }
        )

    @property
    def opsets(self) -> dict[str, Counts]:
        """The promised version of each domain, the standard one as empty string."""
        if self.opset is None:
            return {}
        by_domain = self.opset if isinstance(self.opset, dict) else {"": self.opset}
        return {"" if name == "ai.onnx" else name: each for name, each in by_domain.items()}


class ValuePromise(msgspec.Struct, **TABLE):
    """What an inner value is promised to be in every run: by its name, or that of node or module.

    `sparsity` is the share of elements that are 0.
    """

    range: Between | None = None
    mean: Between | None = None
    std: Between | None = None
    sparsity: Between | None = None
    finite: bool = False

    def __post_init__(self) -> None:
        check_bounds(range=self.range, mean=self.mean, std=self.std, sparsity=self.sparsity)


class Latency(msgspec.Struct, **TABLE):
    """How long a run may take, as a multiple of the reference's, which runs in the same process."""

    reference: str
    ratio: Positive


class Budgets(msgspec.Struct, **TABLE):
    """What the model may cost at most.

    `flops` and `peak-memory` are counted, for one run at the given `sizes` of symbolic dimensions,
    others being 1; nothing is measured but `latency`.
    """

    file_size: str | Count | None = None
    parameters: Count | None = None
    nodes: Count | None = None
    flops: Annotated[float, msgspec.Meta(ge=0)] | None = None
    peak_memory: str | Count | None = None
    sizes: dict[str, Annotated[int, msgspec.Meta(ge=1, le=2**31)]] = {}
    latency: Latency | None = None

    def __post_init__(self) -> None:
        _ = self.file_bytes, self.memory_bytes

    @property
    def file_bytes(self) -> int | None:
        """The promised size of the file and its external data."""
        return _bytes("file-size", self.file_size)

    @property
    def memory_bytes(self) -> int | None:
        """The promised peak of memory."""
        return _bytes("peak-memory", self.peak_memory)


class Signers(msgspec.Struct, **TABLE):
    """Who may have signed the model: the owner of a public key, or of a certificate.

    `certificates` are files of root and intermediate certificates. `file` is the signature, where
    it does not lie beside the model.
    """

    public_key: str | None = None
    certificates: list[str] = []
    file: str | None = None

    def __post_init__(self) -> None:
        if self.public_key is not None and self.certificates:
            raise ValueError("signature has public-key and certificates; give one of them")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is given to verify a signature with."""
        return self.public_key is None and not self.certificates

    @property
    def files(self) -> list[str]:
        """The files to verify with."""
        return [self.public_key] if self.public_key is not None else self.certificates

    @property
    def shown(self) -> str:
        """The files as messages name them."""
        return " and ".join(repr(Path(each).name) for each in self.files)


class Provenance(msgspec.Struct, **TABLE):
    """What the file is promised to say of its origin.

    `require` are known facts, each of a known form (`onnxlint.origins`). `required` are keys of the
    metadata, or a table from key to a regular expression that the whole value matches; `producer`
    and `producer-version` are such expressions. `signature` says who must have signed the model.
    """

    require: list[str] = []
    required: list[str] | dict[str, Glob] = []
    producer: Glob | None = None
    producer_version: Glob | None = None
    licences: list[str] = []
    signature: Signers | None = None

    def __post_init__(self) -> None:
        check_names(self.require)
        patterns = {f"required.{key}": pattern for key, pattern in self.patterns.items()}
        patterns |= {
            "producer": self.producer or "",
            "producer-version": self.producer_version or "",
        }
        for key, pattern in patterns.items():
            try:
                re.compile(pattern)
            except (re.error, RecursionError, OverflowError) as error:
                raise ValueError(f"{key} is not a regular expression: {error}") from error

    @property
    def requires_signature(self) -> bool:
        """Whether a signature is required: where it is said, or where a key is given."""
        is_given = self.signature is not None and not self.signature.is_empty
        return SIGNATURE in self.require or is_given

    @property
    def patterns(self) -> dict[str, str]:
        """The required keys, each with the expression that its value matches."""
        if isinstance(self.required, dict):
            return dict(self.required)
        return dict.fromkeys(self.required, ".+")


def known_dtype(name: str | None) -> str | None:
    """A dtype as it is shown; what is none raises `ValueError`."""
    if name is None or name.lower() in DTYPES:
        return name and DTYPES[name.lower()]
    near = nearest(name, DTYPES)
    hint = f"did you mean {near[0]!r}?" if near else "it must be a dtype such as float32 or int64"
    raise ValueError(f"dtype is {name!r}; {hint}")


def check_dims(dims: list[Dimension] | None) -> None:
    """Raises `ValueError` where a promised dimension has no name."""
    if any(dim == "" for dim in dims or ()):
        raise ValueError('shape must be sizes, names of dynamic dimensions and "*" for any')


def check_bounds(**bounds: Between | None) -> None:
    """Raises `ValueError` for bounds in the wrong order, or that are no numbers."""
    for key, each in bounds.items():
        if each is not None and not each[0] <= each[1]:
            raise ValueError(f"{key.replace('_', '-')} must be [lowest, highest]")


def _check_counts(counts: dict[str, Counts | None]) -> None:
    for key, each in counts.items():
        low, high = each if isinstance(each, tuple) else (each or 0, each or 0)
        if not 0 <= low <= high:
            raise ValueError(f"{key} must be a number, or [lowest, highest]")


def _bytes(key: str, written: str | int | None) -> int | None:
    if written is None or isinstance(written, int):
        return written
    try:
        return parse_bytes(written)
    except ConfigError as error:
        raise ValueError(f"{key}: {error}") from error


T = TypeVar("T", bound=msgspec.Struct)


def laid_over(base: T, special: T) -> T:
    """A table with the keys of a more special one in place of its own."""
    told: dict[str, Any] = {
        field.name: value
        for field in _fields(type(special))
        if (value := getattr(special, field.name)) != _default(field)
    }
    return msgspec.structs.replace(base, **told)


@cache
def _fields(table: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """The fields of a kind of table: to read its types anew takes longer than all the rest."""
    return msgspec.structs.fields(table)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
