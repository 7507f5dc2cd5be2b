"""Hostile files of data: each function writes one at the path it is given, or a folder of them.

`FILES` holds them by the name that the file is to have; those in `READABLE` are odd, and are read.
Nothing here takes long or much space: what is large is sparse, or packed.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

Write = Callable[[Path], None]

FILES: dict[str, Write] = {}
READABLE: set[str] = set()

GIB = 1 << 30


def hostile(*names: str, readable: bool = False) -> Callable[[Write], Write]:
    """Registers a writer under the names that its file may have."""

    def register(write: Write) -> Write:
        FILES.update(dict.fromkeys(names, write))
        READABLE.update(names if readable else ())
        return write

    return register


def written(name: str, content: bytes | Callable[[], bytes]) -> None:
    """Registers a file's content; what is large is made when it is asked for."""
    FILES[name] = writer(content)


def writer(content: bytes | Callable[[], bytes]) -> Write:
    """Writes a content; what is large is made only then, for all tests are collected at once."""
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content())


# numpy's headers


def npy(header: bytes, data: bytes = b"", version: int = 1, length: int | None = None) -> bytes:
    """A file of numpy's format with any header, whose length may be a lie."""
    size = len(header) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + size.to_bytes(2 if version == 1 else 4, "little") \
        + header + data  # fmt: skip


def header(shape: object, descr: str = "'<f4'", fortran: bool = False) -> bytes:
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()


HEADERS = {
    "brace": b"{",
    "unhashable": b"{[]: 1}",
    "minuses": b"-" * 50_000 + b"1",
    "tuple": b"(True, 4)",
    "parentheses": b"(" * 60_000,
    "brackets": b"[" * 60_000 + b"]" * 5_000,
    "braces": b"{" * 60_000,
    "call": b"__import__('os').getcwd()",
    "call_inside": header("(__import__('os').getpid(), 2)"),
    "no_text": bytes(range(256)),
    "nothing": b"",
    "string": b"'" * 3,
    "digits": header("(" + "9" * 5_000 + ", 2)"),
    "negative": header("(-4, -2)"),
    "float": header("(4.0, 2)"),
    "true": header("(True, 2)"),
    "scalar": header("4"),
    "string_shape": header("'ab'"),
    "many_axes": header("(" + "1, " * 5_000 + ")"),
    "large_axes": header("(" + "9223372036854775807, " * 3_000 + ")"),
    "overflow": header("(4294967296, 4294967296)"),
    "empty_and_large": header("(0, 9999999999999999999)"),
    "object": header("(4, 2)", "'|O'"),
    "void": header("(4, 2)", "'|V0'"),
    "record": header("(4,)", "[('a', '<f4'), ('b', '<f4')]"),
    "nested_record": header("(4,)", "[('a', " * 5_000),
    "no_character": header("(1, 2)", "'<U1'"),
    "long_text": header("(4, 2)", "'<U2147483647'"),
    "odd_dtype": header("(4, 2)", "'<i3'"),
    "many_dtypes": header("(4, 2)", "'" + "f4," * 5_000 + "'"),
    "word_dtype": header("(4, 2)", "'float32'"),
    "dates": header("(4, 2)", "'<M8[" + "9" * 30 + "Y]'"),
    "lacking": b"{'descr': '<f4', 'shape': (4, 2)}",
    "more": header("(4, 2)")[:-3] + b"'a': 1}",
    "twice": header("(4, 2)") * 2,
    "unfinished": header("(4, 2)")[:30],
}

for _name, _header in HEADERS.items():
    written(f"header_{_name}.npy", npy(_header, b"\xff" * 32))

written("header_longer.npy", npy(header("(4, 2)"), bytes(32), length=60_000))
written("header_4_gib.npy", npy(header("(4, 2)"), bytes(32), version=2, length=4 * GIB - 1))
written("header_megabytes.npy", lambda: npy(b" " * (8 << 20), version=2))
written("header_megabytes_nested.npy", lambda: npy(b"(" * (8 << 20), version=2))
written("version_9.npy", npy(header("(4, 2)"), bytes(32), version=9))
written("cut_off.npy", npy(header("(4, 2)"), bytes(31)))
written("promise_8_eib.npy", npy(header("(9999999999999999, 2)"), bytes(64)))
written("promise_wide.npy", npy(header("(4, 9999999999999999)"), bytes(64)))
written("pickle.npy", pickle.dumps([1] * 8))
written("empty.npy", b"")


def sparse(path: Path, start: bytes, size: int) -> None:
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)


@hostile("sparse_wide.npy")
def sparse_wide(path: Path) -> None:
    """10 GB of zeros that are all needed: few samples, and many features."""
    sparse(path, npy(header("(8, 335544320)")), 10 * GIB + 128)


@hostile("sparse_by_column.npy")
def sparse_by_column(path: Path) -> None:
    """10 GB of zeros of which no row lies together."""
    sparse(path, npy(header("(1342177280, 2)", fortran=True)), 10 * GIB + 128)


@hostile("sparse_long.npy", readable=True)
def sparse_long(path: Path) -> None:
    """10 GB of zeros of which the first rows are needed."""
    sparse(path, npy(header("(1342177280, 2)")), 10 * GIB + 128)


# Archives


def zipped(
    path: Path, members: dict[str, bytes], *, method: int = 8, sizes: tuple[int, int] | None = None,
    flags: int = 0, shift: int = 0, directory: int | None = None, one_body: bool = False,
) -> None:  # fmt: skip
    """An archive of packed members, whose claims may be lies.

    `sizes` are what members are said to take packed and unpacked, `shift` moves the offsets,
    `directory` is the claimed size of the list, and with `one_body` all members share the first.
    """
    body, entries, first = b"", b"", 0
    for name, data in members.items():
        packed, unpacked = sizes or (len(data), len(data))
        offset = first if one_body and entries else len(body)
        numbers = (20, flags, method, 0, 0, 0, packed, unpacked, len(name.encode()), 0)
        if not one_body or not entries:
            body += struct.pack("<4s5H3L2H", b"PK\3\4", *numbers) + name.encode() + data
        entries += struct.pack(
            "<4sB B5H3L5H2L", b"PK\1\2", 20, 0, *numbers, 0, 0, 0, 0, (offset + shift) % (1 << 32)
        ) + name.encode()  # fmt: skip
    count = len(members)
    claimed = len(entries) if directory is None else directory
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, claimed, len(body), 0)
    path.write_bytes(body + entries + end)


def packed_zeros(start: bytes, size: int, fill: bytes = b"\0") -> bytes:
    """Deflate of `start` and `size` (MiB) times 1 MiB of a byte: a thousandth of them, at once."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(fill * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + block * size + packer.flush()


@hostile("header_4_gib.npz")
def header_of_4_gib(path: Path) -> None:
    """4 MB, of which the header alone unpacks to 4 GiB."""
    data = packed_zeros(npy(b"", version=2, length=4 * GIB - 65_536), 4095, b" ")
    zipped(path, {"x.npy": data}, sizes=(len(data), 4 * GIB - 60_000))


@hostile("bomb_4_gib.npz")
def bomb_of_4_gib(path: Path) -> None:
    """4 MB, which unpack to all that the header says."""
    start = npy(header("(8, 134086656)"))
    data = packed_zeros(start, 4092)
    zipped(path, {"x.npy": data}, sizes=(len(data), len(start) + 4092 * (1 << 20)))


@hostile("bomb_behind.npz", readable=True)
def bomb_behind(path: Path) -> None:
    """Eight samples, and 4 GiB behind them that nobody needs."""
    start = npy(header("(8, 2)"), bytes(64))
    data = packed_zeros(start, 4092)
    zipped(path, {"x.npy": data}, sizes=(len(data), len(start) + 4092 * (1 << 20)))


@hostile("promise_4_gib.npz")
def promise_of_4_gib(path: Path) -> None:
    """A header that says 4 GiB above 64 bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy(header("(8, 134217728)"), bytes(64)))


@hostile("sizes_lie_up.npz")
def sizes_lie_up(path: Path) -> None:
    """The list says 4 GiB of 100 bytes, as the header does."""
    data = packed_zeros(npy(header("(8, 134217000)"), bytes(64)), 0)
    zipped(path, {"x.npy": data}, sizes=(len(data), 4 * GIB - 2))


@hostile("sizes_lie_down.npz")
def sizes_lie_down(path: Path) -> None:
    """The list says 40 bytes of what unpacks to more."""
    data = packed_zeros(npy(header("(8, 2)"), bytes(64)), 1)
    zipped(path, {"x.npy": data}, sizes=(len(data), 40))


@hostile("packed_size_lies.npz")
def packed_size_lies(path: Path) -> None:
    data = packed_zeros(npy(header("(8, 2)"), bytes(64)), 0)
    zipped(path, {"x.npy": data}, sizes=(4 * GIB - 2, 300))


@hostile("stored_size_lies.npz")
def stored_size_lies(path: Path) -> None:
    data = npy(header("(8, 2)"), bytes(64))
    zipped(path, {"x.npy": data}, method=0, sizes=(len(data), 4 * GIB - 2))


@hostile("offsets_outside.npz")
def offsets_outside(path: Path) -> None:
    zipped(path, {"x.npy": packed_zeros(npy(header("(8, 2)"), bytes(64)), 0)}, shift=1 << 31)


@hostile("offsets_before.npz")
def offsets_before(path: Path) -> None:
    zipped(path, {"x.npy": packed_zeros(npy(header("(8, 2)"), bytes(64)), 0)}, shift=-50)


@hostile("overlapping.npz")
def overlapping(path: Path) -> None:
    """10,000 members of 1 GiB each that are one and the same."""
    data = packed_zeros(npy(header("(8, 33000000)")), 1020)
    zipped(path, {f"x{n}.npy": data for n in range(10_000)}, one_body=True,
           sizes=(len(data), 1020 << 20))  # fmt: skip


@hostile("nested.npz")
def nested(path: Path) -> None:
    """An archive in an archive, ten times."""
    data = npy(header("(8, 2)"), bytes(64))
    for _ in range(10):
        zipped(path, {"x.npy": data}, method=0)
        data = path.read_bytes()


@hostile("directory_claims_2_gib.npz")
def directory_claims_2_gib(path: Path) -> None:
    """A sparse file of 3 GiB whose list of members is said to be most of it."""
    sparse(path, b"PK\3\4", 3 * GIB)
    with path.open("ab") as file:
        file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 2 * GIB, GIB, 0))


@hostile("million_members.npz")
def million_members(path: Path) -> None:
    entry = struct.pack("<4sB B5H3L5H2L", b"PK\1\2", 20, 0, 20, *[0] * 7, 5, *[0] * 6) + b"x.npy"
    size = 1_000_000 * len(entry)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, size, 0, 0)
    path.write_bytes(entry * 1_000_000 + end)


def _marked(path: Path, **marks: int) -> None:
    zipped(path, {"x.npy": npy(header("(8, 2)"), bytes(64))}, **{"method": 0, **marks})  # type: ignore[arg-type]


@hostile("encrypted.npz")
def encrypted(path: Path) -> None:
    _marked(path, flags=1)


@hostile("bzip2.npz")
def bzip2(path: Path) -> None:
    _marked(path, method=12)


@hostile("lzma.npz")
def lzma(path: Path) -> None:
    """Its properties ask for a dictionary of 4 GiB."""
    data = b"\x09\x04\x05\x00\x5d\xff\xff\xff\xff" + bytes(64)
    zipped(path, {"x.npy": data}, method=14)


@hostile("method_99.npz")
def unknown_method(path: Path) -> None:
    _marked(path, method=99)


@hostile("names.npz")
def member_names(path: Path) -> None:
    names = ["../x", "/x", "a\0b", "x" * 60_000, "file", "", "\x1b[31m", "x/y/", "con"]
    data = npy(header("(8, 2)"), bytes(64))
    zipped(path, {f"{name}.npy": data for name in names}, method=0)


written("empty.npz", b"")
written("text.npz", b"nonsense")
written("only_an_end.npz", struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, 0, 0, 0))
written("end_lies.npz", struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, 999, 4 * GIB - 1, 0))


# CSV


written("wide_quote.csv", lambda: b'a,b\n1,"' + b"2\n" * 2_000_000)
written("quotes.csv", lambda: b'"' * 5_000_001)
written("rows_of_quotes.csv", lambda: b"1,2\n" + b'"\n",' * 5_000_000)
written("empty_lines.csv", lambda: b"\n" * 10_000_000)
written("empty_lines_between.csv", lambda: b"1,2\n" + b"\r\n" * 3_000_000 + b"3,4\n")
written("one_line.csv", lambda: b"1," * 9_000_000)
written("long_cell.csv", lambda: b"a,b\n" + b"1" * 3_000_000 + b",2\n")
written("digits.csv", b"a,b\n" + b"9" * 5_000 + b",2\n")
written("digits_label.csv", b"a,b\n1," + b"8" * 100_000 + b"\n")
written("zeros.csv", lambda: b"a,b\n" + bytes(1 << 20))
written("bytes.csv", bytes(range(256)) * 1000)
written("commas.csv", lambda: b"a,b\n" + b"," * 4_000_000)
written("spaces.csv", lambda: b" " * (20 << 20))
written("utf16.csv", "a,b\n1,2\n".encode("utf-16"))
written("same_names.csv", b",".join([b"a"] * 100_000) + b"\n" + b"1," * 99_999 + b"1\n")
written("more_cells.csv", b"a,b\n1,2\n" + b"1," * 100_000 + b"\n")
written("too_many_columns.csv", lambda: b"1," * 1_000_001 + b"\n")


@hostile("sparse.csv", "sparse.tsv")
def sparse_csv(path: Path) -> None:
    sparse(path, b"1,2\n", 10 * GIB)


def wide(path: Path, columns: int, rows: int = 3) -> None:
    """A table of so many columns, and a header."""
    names = ",".join(f"c{n}" for n in range(columns))
    row = ",".join(str(n % 10) for n in range(columns))
    path.write_text("\n".join([names, *[row] * rows]) + "\n")


FILES["wide.csv"] = lambda path: wide(path, 1_000_000)


@hostile("million_rows.csv", readable=True)
def million_rows(path: Path) -> None:
    path.write_text("a,b\n" + "1.5,2\n" * 1_000_000)


@hostile("infinite.csv", readable=True)
def infinite(path: Path) -> None:
    path.write_text("a,b\ninf,-Infinity\nnan,\n")


# Parquet


def _parquet(path: Path, columns: dict[str, object], **options: object) -> None:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path, **options)


@hostile("nested.parquet")
def nested_columns(path: Path) -> None:
    _parquet(path, {"a": [[1.0, 2.0], [3.0]], "b": [{"c": 1}, {"c": 2}]})


@hostile("deep.parquet")
def deep_column(path: Path) -> None:
    import pyarrow

    kind = pyarrow.float32()
    for _ in range(60):
        kind = pyarrow.list_(kind)
    _parquet(path, {"a": pyarrow.nulls(2, kind), "b": [1, 2]})


@hostile("nulls.parquet")
def nulls(path: Path) -> None:
    _parquet(path, {"a": [None, None], "b": [None, None]})


@hostile("no_columns.parquet")
def no_columns(path: Path) -> None:
    _parquet(path, {})


@hostile("no_rows.parquet")
def no_rows(path: Path) -> None:
    _parquet(path, {"a": np.zeros(0), "b": np.zeros(0)})


@hostile("bomb.parquet", readable=True)
def parquet_bomb(path: Path) -> None:
    """Millions of zeros in some kilobytes, of which the first rows are needed."""
    zeros = np.zeros(1 << 22)
    _parquet(path, {"a": zeros, "b": zeros}, compression="zstd", row_group_size=1 << 22)


@hostile("text.parquet")
def long_texts(path: Path) -> None:
    _parquet(path, {"a": ["1" * (4 << 20)] * 8, "b": [1] * 8}, compression="zstd")


@hostile("repeated_text.parquet")
def repeated_text(path: Path) -> None:
    """One text of 8 MB in each of 100,000 rows, which the file holds once."""
    import pyarrow

    which = pyarrow.array(np.zeros(100_000, np.int32))
    column = pyarrow.DictionaryArray.from_arrays(which, ["1" * 8_000_000])
    _parquet(path, {"a": column, "b": np.zeros(100_000)}, store_schema=False)


@hostile("footer_lies.parquet")
def footer_lies(path: Path) -> None:
    _parquet(path, {"a": [1.0], "b": [2.0]})
    path.write_bytes(path.read_bytes()[:-8] + struct.pack("<I", 4 * GIB - 1) + b"PAR1")


@hostile("footer_nonsense.parquet")
def footer_nonsense(path: Path) -> None:
    path.write_bytes(b"PAR1" + b"\x15\xff" * 50_000 + struct.pack("<I", 100_000) + b"PAR1")


@hostile("footer_sparse.parquet")
def footer_sparse(path: Path) -> None:
    sparse(path, b"PAR1", 3 * GIB)
    with path.open("ab") as file:
        file.write(struct.pack("<I", 2 * GIB) + b"PAR1")


@hostile("cut_off.parquet")
def parquet_cut_off(path: Path) -> None:
    _parquet(path, {"a": np.arange(1000.0), "b": np.arange(1000.0)})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def mutated(content: bytes, seed: int) -> bytes:
    """Some bytes of a file changed."""
    random = np.random.default_rng(seed)
    data = bytearray(content)
    for at in random.integers(0, len(data), random.integers(1, 6)):
        data[at] = random.integers(0, 256)
    return bytes(data)


# Images: a folder of one


def images(name: str, file: str = "a.png", readable: bool = False) -> Callable[[Write], Write]:
    """Registers a writer of one image in a folder."""

    def register(write: Write) -> Write:
        def folder(path: Path) -> None:
            path.mkdir()
            write(path / file)

        return hostile(name, readable=readable)(folder)

    return register


def png(width: int, height: int, data: bytes, *, depth: int = 8, colour: int = 2,
        more: bytes = b"") -> bytes:  # fmt: skip
    """An image of PNG with any pixels' data, packed."""
    size = struct.pack(">2L5B", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", size) + more + _chunk(b"IDAT", data) \
        + _chunk(b"IEND", b"")  # fmt: skip


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def image_written(
    name: str, content: bytes | Callable[[], bytes], file: str = "a.png", readable: bool = False
) -> None:
    images(name, file, readable)(writer(content))


PIXELS = zlib.compress(bytes((1 + 6 * 3) * 4))

image_written(
    "image_bomb",
    lambda: png(30_000, 30_000, zlib.compress(bytes(1 << 24)), depth=1, colour=0),
)
image_written("image_of_54_megapixels", png(9_000, 6_000, PIXELS))
image_written("image_of_2_31_pixels", png(2**31 - 1, 2**31 - 1, PIXELS))
image_written("image_without_pixels", png(0, 0, b""))
image_written("image_cut_off", png(6, 4, PIXELS)[:45])
image_written("image_data_cut_off", png(600, 400, PIXELS))
image_written(
    "image_chunk_lies", png(6, 4, PIXELS).replace(b"\0\0\0\x0dIHDR", b"\x7f\xff\xff\xffIHDR")
)
image_written(
    "image_text_bomb",
    lambda: png(6, 4, PIXELS, more=_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(64 << 20)))),
)
image_written("image_16_bits", png(6, 4, zlib.compress(bytes((1 + 12) * 4)), depth=16, colour=0))
image_written("image_postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 4\nshowpage\n")
image_written("image_svg", b"<svg xmlns='http://www.w3.org/2000/svg' width='6' height='4'/>")
image_written("image_nothing", b"")
image_written("image_zeros", lambda: bytes(1 << 20))
image_written("image_jpeg_lies", b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xc0\0\x11\x08"
              b"\xff\xdc\xff\xdc\x03\x01\x22\0\2\x11\1\3\x11\1\xff\xd9", "a.jpg")  # fmt: skip
image_written("image_webp_lies", b"RIFF\x2a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xfe\x3f\0\xfe\x3f\0"
              b"VP8L\x05\0\0\0\x2f\xfe\xff\xff\xff\0", "a.webp")  # fmt: skip
image_written(
    "image_tiff_lies",
    b"II*\0\x08\0\0\0\x02\0"
    + struct.pack("<HHLL", 256, 4, 2**32 - 1, 8)
    + struct.pack("<HHLL", 257, 4, 2**31, 8)
    + bytes(4),
    "a.tif",
)
image_written("image_tiff_loops", b"II*\0\x08\0\0\0\x01\0" + struct.pack(
    "<HHLL", 256, 4, 1, 8) + struct.pack("<L", 8), "a.tif")  # fmt: skip
image_written(
    "image_bmp_lies",
    b"BM"
    + struct.pack(
        "<LHHLLllHHLLllLL", 2**32 - 1, 0, 0, 54, 40, 40_000, 40_000, 1, 24, 0, 0, 0, 0, 0, 0
    ),
    "a.bmp",
)


@images("image_animated", readable=True)
def animated(path: Path) -> None:
    """Frames of which the first is the picture, as everywhere."""
    from PIL import Image

    frames = [Image.new("RGB", (6, 4), (n, 0, 0)) for n in range(20)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


@images("image_gif")
def gif(path: Path) -> None:
    """What the ending does not say."""
    from PIL import Image

    frames = [Image.new("P", (6, 4), n) for n in range(20)]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:])


@images("image_sparse", "a.webp")
def sparse_image(path: Path) -> None:
    sparse(path, b"RIFF\xf6\xff\xff\xffWEBPVP8 ", 4 * GIB)


@images("image_pipe")
def image_pipe(path: Path) -> None:
    os.mkfifo(path)


@hostile("folders_deep")
def folders_deep(path: Path) -> None:
    """Folders in folders, more than a name may be long."""
    path.mkdir()
    with contextlib.chdir(path):
        for _ in range(2_100):
            Path("d").mkdir()
            os.chdir("d")


# ONNX's test data sets: a folder with a tensor


def tensor(*fields: bytes) -> Write:
    """A test data set of one input, of any fields."""

    def write(path: Path) -> None:
        folder = path / "test_data_set_0"
        folder.mkdir(parents=True)
        (folder / "input_0.pb").write_bytes(b"".join(fields))

    return write


def varint(number: int) -> bytes:
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value % (1 << 64))


def data(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def dims(*sizes: int) -> bytes:
    return b"".join(number(1, size) for size in sizes)


def late(make: Callable[[], Write]) -> Write:
    """Does what another writer does, which is made only then: its fields are large."""
    return lambda path: make()(path)


FLOAT, STRING, INT4, INT32 = (number(2, kind) for kind in (1, 8, 22, 6))

FILES |= {
    "set_promises": tensor(dims(1 << 20, 1 << 20), FLOAT, data(9, bytes(32))),
    "set_promises_typed": tensor(dims(1 << 20, 1 << 20), FLOAT, data(4, bytes(32))),
    "set_promises_nothing": tensor(dims(1 << 20, 1 << 20), FLOAT),
    "set_negative": tensor(dims(-1, 2), FLOAT, data(9, bytes(64))),
    "set_overflow": tensor(dims(1 << 32, 1 << 32), FLOAT, data(9, bytes(64))),
    "set_many_dims": late(lambda: tensor(data(1, b"\x7f" * 4_000_000), FLOAT, data(9, bytes(64)))),
    "set_many_ones": late(lambda: tensor(data(1, b"\1" * 4_000_000), FLOAT, data(9, bytes(4)))),
    "set_int4": tensor(dims(1 << 40), INT4, data(9, bytes(64))),
    "set_no_type": tensor(dims(8, 2), data(9, bytes(64))),
    "set_unknown_type": tensor(dims(8, 2), number(2, 999), data(9, bytes(64))),
    "set_raw_strings": tensor(dims(8, 2), STRING, data(9, bytes(64))),
    "set_no_utf8": tensor(dims(1, 2), STRING, data(6, b"\xff"), data(6, b"\xfe")),
    "set_strings": late(lambda: tensor(dims(250_001, 2), STRING, data(6, b"") * 500_002)),
    "set_one_long_string": late(
        lambda: tensor(dims(100_000, 2), STRING, data(6, b"") * 199_999, data(6, b"a" * (4 << 20)))
    ),
    "set_integers": late(lambda: tensor(dims(40 << 20), INT32, data(5, b"\1" * (40 << 20)))),
    "set_external": tensor(
        dims(8, 2), FLOAT, data(13, data(1, b"location") + data(2, b"/etc/hostname")), number(14, 1)
    ),
    "set_external_unnamed": tensor(dims(8, 2), FLOAT, number(14, 1)),
    "set_segment": tensor(dims(8, 2), FLOAT, data(3, number(1, 0)), data(9, bytes(64))),
    "set_cut_off": tensor(dims(8, 2), FLOAT, data(9, bytes(64))[:-9]),
    "set_claims": tensor(dims(8, 2), FLOAT, varint(9 << 3 | 2) + varint(1 << 62)),
    "set_group": tensor(varint(1 << 3 | 3) * 100_000),
    "set_zeros": tensor(bytes(1000)),
    "set_nothing": tensor(),
    "set_text": tensor(b"nonsense"),
    "set_other_rank": tensor(dims(*[1] * 60, 8, 2), FLOAT, data(9, bytes(64))),
}


@hostile("set_sparse")
def sparse_tensor(path: Path) -> None:
    """3 GiB of raw zeros, as dims say."""
    folder = path / "test_data_set_0"
    folder.mkdir(parents=True)
    size = 3 * GIB
    start = dims(1, size // 4) + FLOAT + varint(9 << 3 | 2) + varint(size)
    sparse(folder / "input_0.pb", start, len(start) + size)


@hostile("set_pipe")
def pipe_tensor(path: Path) -> None:
    folder = path / "test_data_set_0"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "input_0.pb")


# What is no regular file


@hostile("pipe.npy", "pipe.npz", "pipe.csv", "pipe.parquet", "pipe")
def pipe(path: Path) -> None:
    os.mkfifo(path)


@hostile("socket.npz", "socket.csv")
def listening(path: Path) -> None:
    # a socket's whole name may be no longer than 107 bytes
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)


@hostile("zero.npy", "zero.npz", "zero.csv", "zero.parquet", "zero")
def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@hostile("kernel.csv", "kernel.npy")
def endless_log(path: Path) -> None:
    """A regular file by its mode, which waits for what is to come."""
    path.symlink_to("/proc/kmsg")


@hostile("loop.npz", "loop.csv", "loop")
def link_loop(path: Path) -> None:
    path.symlink_to(path.name)


@hostile("nowhere.npz", "nowhere.csv")
def dangling(path: Path) -> None:
    path.symlink_to("nothing")


@hostile("folder.npz", "folder.csv", "folder.parquet")
def folder(path: Path) -> None:
    path.mkdir()


@hostile("folder_of_odd_files")
def odd_folder(path: Path) -> None:
    path.mkdir()
    os.mkfifo(path / "x.npy")


@hostile("folder_loop")
def folder_loop(path: Path) -> None:
    path.mkdir()
    (path / "again").symlink_to(path)


def names() -> Iterator[str]:
    """Names that no file can have."""
    yield "x" * 300 + ".npz"
    yield "/".join(["x" * 200] * 30) + ".csv"
    yield "a\0b.npz"
    yield "\udcff.csv"
