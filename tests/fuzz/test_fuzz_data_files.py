"""Any data file, folder of images or array of embeddings: imported, or refused by name with nothing changed."""

import io
import json
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzz.harness import Outcome, contents, curator, says, scratch
from fuzz.inputs import (
    DEEP,
    NUMBERS,
    as_json,
    cases,
    damaged,
    damaged_bytes,
    encodable,
    json_values,
    words,
)
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.projects import make_project, write_pool

ENCODINGS = (
    "utf-8",
    "utf-8",
    "utf-8",
    "utf-8-sig",
    "latin-1",
    "utf-16",
    "utf-16-le",
    "cp1252",
    "utf-32",
    "utf-7",
)
ROWS = [
    {"id": f"i{n}", "text": f"text number {n}", "label": "ab"[n % 2], "embedding": [n, 1.5, -n]}
    for n in range(8)
]


def init(data: Path, folder: Path, *options: object) -> Outcome:
    """`curator init`; when it fails, the folder is as it was."""
    before = contents(folder.parent)
    outcome = curator("init", "fuzz", "--data", data, "--project", folder, "--price", "0.08", *options)
    if outcome.code:
        assert contents(folder.parent) == before
    else:
        assert (folder / "curator.toml").is_file()
        assert (folder / ".curator" / "ledger.db").is_file()
        assert json.loads(curator("status", "--offline", "--json", "--project", folder).stdout)["spent"]
    return outcome


def add(data: Path, folder: Path, *options: object) -> Outcome:
    """`curator add`; when it fails, pool and embeddings are as they were."""
    pool, before = folder / ".curator" / "pool", contents(folder / ".curator" / "pool")
    outcome = curator("add", data, "--project", folder, *options)
    if outcome.code:
        assert contents(pool) == before
    assert not (pool / "incoming").exists()
    return outcome


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A project of texts that come with embeddings, ids and labels."""
    return make_project(tmp_path_factory.mktemp("fuzz"), n=12, batch=4, holdout="4")


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> Path:
    """A project of texts that an encoder embeds."""
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / "pool.jsonl"
    path.write_text(
        "".join(json.dumps({"id": r["id"], "text": r["text"], "label": r["label"]}) + "\n" for r in ROWS)
    )
    return make_project(folder, data=path, batch=2, holdout="2")


# ---------------------------------------------------------------- CSV and JSONL

cells = st.one_of(
    st.sampled_from(["1", "2", "a", "b", "some text", "[1, 2]", '"q"', '"', '""', '"a\nb"']), words
)


@st.composite
def csv_files(draw: Any) -> bytes:
    """Tables whose header, rows, delimiters, line ends and encoding may each be off."""
    names = draw(
        st.one_of(
            st.just(["id", "text", "label"]),
            st.just(["id", "text", "label"]),
            st.lists(
                st.one_of(st.sampled_from(["id", "ID", "text", "label", "embedding", "image", ""]), cells),
                max_size=6,
            ),
        )
    )
    width = st.sampled_from([len(names)] * 5 + [0, len(names) + 1, max(0, len(names) - 1)])
    rows = [
        [*(f"r{number}" for _ in range(min(1, columns))), *(draw(cells) for _ in range(columns - 1))]
        for number in range(draw(st.integers(0, 5)))
        for columns in [draw(width)]
    ]
    delimiter = draw(st.sampled_from([",", ",", ",", ";", "\t", "|"]))
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n", "\0\n"]))
    text = end.join(delimiter.join(row) for row in [names, *rows]) + draw(st.sampled_from([end, "", "\x1a"]))
    return text.encode(
        draw(st.sampled_from(ENCODINGS)), draw(st.sampled_from(["replace", "ignore", "xmlcharrefreplace"]))
    )


GOOD_CSV = b"id,text,label\n" + b"".join(b'"r%d","a ""text"" of\nmine %d",a\n' % (n, n) for n in range(6))
GOOD_JSONL = b"".join(as_json(row) + b"\n" for row in ROWS)
any_csv = st.one_of(
    csv_files(),
    csv_files(),
    damaged_bytes(GOOD_CSV, tokens=[b"\r", b'""', b"\xef\xbb\xbf"]),
    st.binary(max_size=60),
)


@st.composite
def jsonl_files(draw: Any) -> bytes:
    """Lines of JSON, some of them something else."""
    lines = draw(
        st.lists(
            st.one_of(
                damaged(*ROWS).map(as_json),
                damaged(*ROWS).map(as_json),
                json_values.map(as_json),
                st.just(as_json(ROWS[0])),
                st.binary(max_size=20),
                DEEP,
                st.just(b'{"id": 1, "text": "' + b"x" * 300_000 + b'"}'),
                st.just(b'{"id": ' + b"9" * 5000 + b', "text": "a"}'),
            ),
            max_size=6,
        )
    )
    return draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"\n\n", b"\r"])).join(lines)


any_jsonl = st.one_of(
    jsonl_files(), jsonl_files(), damaged_bytes(GOOD_JSONL, tokens=[b"NaN", b"1e999", b"\n", b"[", b"{"])
)
tables = st.one_of(
    st.tuples(st.sampled_from([".csv", ".tsv", ".CSV"]), any_csv),
    st.tuples(st.sampled_from([".jsonl", ".ndjson"]), any_jsonl),
    st.tuples(st.sampled_from([".parquet", ".json", ".txt", ""]), st.one_of(any_csv, any_jsonl)),
)
COLUMNS = st.sampled_from(
    [
        (),
        (),
        ("--text", "text"),
        ("--id", "id", "--text", "text", "--label", "label"),
        ("--embedding", "embedding"),
        ("--text", "text", "--show", "label,id"),
        ("--kind", "image"),
        ("--image", "image"),
        ("--text", "\0"),
        ("--classes", "a,b"),
        ("--classes", "a,a"),
        ("--classes", ","),
        ("--holdout", "1"),
        ("--holdout", "0"),
        ("--holdout", "²"),
        ("--holdout", "9" * 30),
    ]
)


@cases
@given(tables, COLUMNS)
def test_any_table_starts_a_project_or_leaves_no_trace(table, columns):
    """CSV and JSONL of any bytes into `curator init`."""
    ending, content = table
    with scratch() as folder:
        path = folder / f"data{ending}"
        path.write_bytes(content)
        says(
            init(path, folder / "project", *columns, "--labeler", "replay"),
            path,
            "--",
            "the options",
            "no such file",
        )


@cases
@given(st.one_of(tables, st.tuples(st.just(".jsonl"), damaged_bytes(GOOD_JSONL))), st.booleans())
def test_any_table_is_added_or_leaves_the_pool_as_it_was(project, texts, table, encoded):
    """CSV and JSONL of any bytes into `curator add`, with given embeddings and with an encoder."""
    ending, content = table
    with scratch(texts if encoded else project) as folder:
        path = folder / f"more{ending}"
        path.write_bytes(content)
        says(add(path, folder), path, "--")


OPTIONS = (
    *(
        "price",
        "hourly-rate",
        "classes",
        "id",
        "text",
        "label",
        "show",
        "seed",
        "batch",
        "currency",
        "encoder",
    ),
    *("url", "metric", "strategy", "labeler", "holdout", "kind"),
)
option_values = st.one_of(
    words.filter(encodable),
    st.sampled_from(NUMBERS).map(str),
    st.sampled_from(
        ["1e999999999", "1e-7", "$1", "inf", "9" * 5000, "a,b", "x" * 300 + ",b", "id", "text", "label"]
    ),
    st.sampled_from(["replay", "USD", "margin:x", "tfidf:x", "sklearn", "coverage", "macro_f1", "image"]),
)


@cases
@given(st.lists(st.tuples(st.sampled_from(OPTIONS), option_values), min_size=1, max_size=3))
def test_any_options_start_a_project_or_leave_no_trace(options):
    """Good data, any value for any option of `curator init`."""
    with scratch() as folder:
        path = folder / "data.csv"
        path.write_bytes(GOOD_CSV.replace(b"5,a", b"5,b"))
        given_options = [f"--{name}={value}" for name, value in options]
        labeler = [] if "labeler" in dict(options) else ["--labeler", "replay"]
        init(path, folder / "project", *given_options, *labeler)


# ---------------------------------------------------------------- Parquet

ARROW = {
    "int64": pa.int64(),
    "uint8": pa.uint8(),
    "float": pa.float32(),
    "string": pa.string(),
    "large": pa.large_string(),
    "binary": pa.binary(),
    "list": pa.list_(pa.float32()),
    "fixed": pa.list_(pa.float64(), 2),
    "nested": pa.list_(pa.list_(pa.int32())),
    "struct": pa.struct([("text", pa.string())]),
    "map": pa.map_(pa.string(), pa.int64()),
    "null": pa.null(),
    "time": pa.timestamp("ns", "Nowhere/City"),
    "date": pa.date64(),
    "decimal": pa.decimal256(40, 2),
    "dictionary": pa.dictionary(pa.int8(), pa.string()),
    "bool": pa.bool_(),
    "duration": pa.duration("s"),
}
VALUES = {
    "int64": [0, 1, 2**62],
    "uint8": [0, 1, 255],
    "float": [0.0, 1.5, float("nan"), float("inf")],
    "string": ["a", "b", "some text", " ", "\0", "é\n"],
    "large": ["a", "b"],
    "binary": [b"a", b"\xff\xfe", b""],
    "list": [[1.0, 2.0], [1.0], [], [float("nan"), 1.0], [None, 1.0]],
    "fixed": [[1.0, 2.0], [0.0, 0.0]],
    "nested": [[[1], [2]], []],
    "struct": [{"text": "a"}, {"text": None}],
    "map": [[("a", 1)], []],
    "null": [None],
    "time": [0, 2**62],
    "date": [0, 2**52],
    "decimal": [0, 10**30],
    "dictionary": ["a", "b"],
    "bool": [True, False],
    "duration": [1, 2**40],
}


@st.composite
def parquet_tables(draw: Any) -> bytes:
    """Small tables with columns of any type, names that repeat and nulls anywhere."""
    n_rows = draw(st.integers(0, 5))
    arrays, names = [], []
    for name in draw(
        st.one_of(
            st.just(["id", "text", "label"]),
            st.lists(
                st.sampled_from(["id", "text", "label", "embedding", "image", "x", ""]),
                min_size=1,
                max_size=5,
            ),
        )
    ):
        usual = {"embedding": "list", "id": "int64"}.get(name, "string")
        kind = draw(st.sampled_from([usual, usual, usual, *ARROW]))
        values = [draw(st.sampled_from([*VALUES[kind], *VALUES[kind], None])) for _ in range(n_rows)]
        if name == "id" and kind in ("int64", "string") and draw(st.booleans()):
            values = list(range(n_rows)) if kind == "int64" else [f"r{n}" for n in range(n_rows)]
        arrays.append(pa.array(values, ARROW[kind]))
        names.append(name)
    out = io.BytesIO()
    try:
        pq.write_table(
            pa.Table.from_arrays(arrays, names=names),
            out,
            compression=draw(st.sampled_from(["snappy", "zstd", "none"])),
            row_group_size=draw(st.sampled_from([1, 2, 100])),
        )
    except (pa.ArrowException, ValueError):  # a type that Parquet cannot hold
        return b"PAR1"
    return out.getvalue()


def good_parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), out)
    return out.getvalue()


any_parquet = st.one_of(
    parquet_tables(),
    parquet_tables(),
    damaged_bytes(good_parquet(), tokens=[b"PAR1", b"\xff" * 8, b"\0" * 8]),
)


@cases
@given(any_parquet, COLUMNS, st.booleans())
def test_any_parquet_is_imported_or_refused(project, content, columns, adding):
    """Tables of any types and damaged files, into `init` and `add`."""
    with scratch(project if adding else None) as folder:
        path = folder / "data.parquet"
        path.write_bytes(content)
        if adding:
            says(add(path, folder), path)
        else:
            says(
                init(path, folder / "project", *columns, "--labeler", "replay"),
                path,
                "--",
                "the options",
                "no such file",
            )


# ---------------------------------------------------------------- images


def image_bytes(kind: str, mode: str, size: tuple[int, int], **options: Any) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 60).convert(mode).save(out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_claiming(width: int, height: int, *, depth: int = 8, colour: int = 0, pixels: bytes = b"") -> bytes:
    """A PNG whose header promises any size at all: a decompression bomb when it is large."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


PNGS = [image_bytes("PNG", mode, (9, 7)) for mode in ("L", "RGB", "RGBA", "1", "P", "I;16")]
JPEGS = [
    image_bytes("JPEG", mode, (40, 33), **extra)
    for mode, extra in (("L", {}), ("RGB", {"progressive": True}), ("CMYK", {}))
]
BOMBS = [
    png_claiming(10_000, 9_500),
    png_claiming(60_000, 60_000),
    png_claiming(2**31 - 1, 2**31 - 1),
    png_claiming(2**31 - 1, 1),
    png_claiming(0, 0),
    png_claiming(5, 5, depth=3),
    png_claiming(5, 5, colour=77),
    png_claiming(5, 5, pixels=b"\0" * 3),
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0))
    + chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 9_000_000))
    + chunk(b"IEND", b""),
]
# What else a file called .png may hold: Pillow looks at the content, not at the name.
STRANGERS = [
    *(
        image_bytes(kind, "RGB", (8, 8))
        for kind in ("GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "ICO", "DDS", "SGI", "PCX")
    ),
    b"P6 99999 99999 255\n",
    b"BM" + b"\xff" * 60,
    b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 5\n%%EndComments\n",
    b"",
]
images = st.one_of(
    damaged_bytes(*PNGS, tokens=[b"IDAT", b"IEND", b"tRNS", b"eXIf", b"iCCP", b"acTL"]),
    damaged_bytes(
        *JPEGS, tokens=[b"\xff\xd8", b"\xff\xda", b"\xff\xc0", b"\xff\xe1", b"Exif\0\0", b"\xff\xd9"]
    ),
    damaged_bytes(*STRANGERS),
    st.sampled_from([*BOMBS, *STRANGERS, *PNGS, *JPEGS]),
)
NAMES = st.one_of(
    st.sampled_from(
        [f"{n}.png" for n in range(5)] + ["a.JPG", "b.jpeg", "c.gif", "d", ".png", ".hidden.png", "e.png.txt"]
    ),
    st.sampled_from(
        [
            "a b.png",
            "é.png",
            "\udcff.png",
            "\n.png",
            "-rf.png",
            "~.png",
            "%s.png",
            "'.png",
            "sub/f.png",
            "sub/g.jpg",
        ]
    ),
    st.sampled_from(
        [
            "sub/.git/h.png",
            "\u202egnp.png",
            "x" * 240 + ".png",
            "CON.png",
            "a,b.png",
            "$HOME.png",
            "sub/\udc80/i.png",
        ]
    ),
)
KINDS = st.sampled_from(
    ["file"] * 12 + ["folder", "pipe", "dangling", "loop", "outside", "inside", "unreadable", "device"]
)
folders = st.lists(st.tuples(NAMES, KINDS, images), max_size=5, unique_by=lambda entry: entry[0])


def fill(folder: Path, entries: list[tuple[str, str, bytes]]) -> None:
    """Make the files, and the things that only look like files."""
    folder.mkdir()
    (folder.parent / "elsewhere.png").write_bytes(PNGS[0])
    for name, kind, content in entries:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        match kind:
            case "folder":
                path.mkdir()
            case "pipe":
                os.mkfifo(path)
            case "dangling":
                path.symlink_to("nowhere.png")
            case "loop":
                path.symlink_to(path.name)
            case "outside":
                path.symlink_to(folder.parent / "elsewhere.png")
            case "inside":
                path.symlink_to(folder)
            case "device":
                path.symlink_to("/dev/zero")
            case _:
                path.write_bytes(content)
                path.chmod(0 if kind == "unreadable" else 0o644)


GOOD_IMAGES = [(f"good{n}.png", "file", content) for n, content in enumerate(PNGS[:3])]


@cases
@given(
    folders,
    st.booleans(),
    st.sampled_from([(), (), ("--allow-outside",), ("--classes", "a,b"), ("--label", "subfolder")]),
)
def test_any_folder_of_images_starts_a_project_or_leaves_no_trace(entries, some_good, options):
    """Damaged images, bombs, links, pipes and odd names into `curator init`."""
    with scratch() as folder:
        data = folder / "images"
        fill(data, entries + GOOD_IMAGES * some_good)
        classes = () if "--classes" in options else ("--classes", "yes,no")
        outcome = init(
            data,
            folder / "project",
            *options,
            *classes,
            "--labeler",
            "files",
            "--holdout",
            "1",
            "--batch",
            "1",
        )
        says(outcome, data, "--", str(folder))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """A project of a few small images."""
    folder = tmp_path_factory.mktemp("fuzz")
    fill(folder / "images", [(f"{n}.png", "file", image_bytes("PNG", "L", (8, 8))) for n in range(6)])
    done = init(
        folder / "images", folder, "--classes", "a,b", "--labeler", "files", "--holdout", "2", "--batch", "2"
    )
    assert done.code == 0, done
    return folder


PATHS = st.one_of(
    NAMES,
    words,
    st.sampled_from(["https://a.test/b.png", "s3://b/c.jpg", "more/good0.png", "../elsewhere.png"]),
)


@cases
@given(folders, st.lists(PATHS, max_size=4))
def test_any_images_are_added_or_leave_the_pool_as_it_was(pictures, entries, paths):
    """A folder of images, and a file that lists paths, into `curator add`."""
    with scratch(pictures) as folder:
        (folder / "elsewhere.png").unlink()
        fill(folder / "more", entries + GOOD_IMAGES[:1])
        says(add(folder / "more", folder), "more")
        listed = folder / "listed.jsonl"
        listed.write_bytes(b"".join(as_json({"image": path}) + b"\n" for path in paths))
        toml = (folder / "curator.toml").read_text("utf-8")
        (folder / "curator.toml").write_text(
            toml.replace("[data]", '[data]\nimage = "image"').replace('# image = "..."', "#")
        )
        says(add(listed, folder), "listed.jsonl", "://")


# ---------------------------------------------------------------- embeddings and hold-out


def npy(array: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


def npz(method: int = zipfile.ZIP_STORED, **arrays: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in arrays.items():
            archive.writestr(name, content)
    return out.getvalue()


def header(text: str, body: bytes = b"\0" * 96) -> bytes:
    """A .npy file whose header says anything."""
    encoded = text.encode("latin-1", "replace")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(encoded)) + encoded + body


RNG = np.random.default_rng(0)
ARRAYS = [
    RNG.normal(size=(8, 3)).astype(np.float32),
    RNG.normal(size=(8, 3)),
    RNG.normal(size=(8, 3)).astype(np.float16),
    RNG.normal(size=(8, 3)).astype(">f4"),
    RNG.normal(size=(8, 16)).astype(np.float32),
]
ODD_ARRAYS = [
    RNG.normal(size=(7, 3)),
    RNG.normal(size=(9, 3)),
    np.asfortranarray(RNG.normal(size=(8, 3))),
    np.full((8, 3), np.nan),
    np.full((8, 3), np.inf, dtype=np.float32),
    np.full((8, 3), 1e308),
    np.full((8, 3), 1e-320),
    np.zeros((8, 3)),
    np.zeros((8, 0)),
    np.zeros((0, 3)),
    np.zeros(8),
    np.zeros((8, 3, 1)),
    np.float32(3),
    np.ones((8, 3), dtype=np.int64),
    np.ones((8, 3), dtype=bool),
    np.ones((8, 3), dtype=complex),
    np.ones((8, 3), dtype=np.longdouble),
    np.full((8, 3), "x"),
    np.zeros((8, 3), dtype="M8[s]"),
    np.zeros(8, dtype=[("a", "f4"), ("b", "f4")]),
]
OBJECTS = [
    npy(np.array([[1.0], None], dtype=object), allow_pickle=True),
    npy(np.array([[1], [2, 3]], dtype=object), allow_pickle=True),
]
HEADERS = [
    header("{'descr': '<f4', 'fortran_order': False, 'shape': (8, 3), }\n"),
    header("{'descr': '<f4', 'fortran_order': False, 'shape': (8, 10**18), }\n"),
    header("{'descr': '<f4', 'fortran_order': False, 'shape': (8, 1000000000000), }\n"),
    header("{'descr': '<f4', 'fortran_order': False, 'shape': (-8, -3), }\n"),
    header("{'descr': '<f4', 'fortran_order': 3, 'shape': 8, }\n"),
    header("{'descr': '<f4', 'fortran_order': False, 'shape': (8.0, 3), }\n"),
    header("{'descr': '<f4', 'fortran_order': False, 'shape': (True, True), }\n"),
    header("__import__('os').getcwd()\n"),
    header("{" * 5000),
    header("(" * 9000 + ")" * 9000),
    header("{'descr': ('<f4', (2,)), 'fortran_order': False, 'shape': (8, 3)}\n"),
    header("{'descr': '|V4', 'fortran_order': False, 'shape': (8, 3)}\n"),
    header("\0"),
]
whole_npy = [npy(array) for array in ARRAYS]
any_npy = st.one_of(
    st.sampled_from(whole_npy),
    damaged_bytes(*whole_npy, tokens=[b"'<f8'", b"(8, 3)", b"True", b"\x93NUMPY\x02\x00", b"\n"]),
    damaged_bytes(*HEADERS),
    st.sampled_from([*(npy(array) for array in ODD_ARRAYS), *OBJECTS, *HEADERS]),
)


@st.composite
def npz_files(draw: Any) -> bytes:
    """Archives with any members under any names."""
    names = st.sampled_from(
        ["a.npy", "b.npy", "a", "a.txt", "../a.npy", "/a.npy", "é.npy", ".npy", "arr_0.npy"]
    )
    members = draw(st.dictionaries(names, any_npy, max_size=3))
    whole = npz(
        draw(
            st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
        ),
        **members,
    )
    return (
        draw(damaged_bytes(whole, tokens=[b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"]))
        if draw(st.booleans())
        else whole
    )


any_embeddings = st.one_of(
    st.tuples(st.sampled_from(["e.npy", "e.npy", "e.npz"]), any_npy),
    st.tuples(st.sampled_from(["e.npz", "e.npz:a", "e.npz:", "e.npz:é", "e.npz:../a", "e.npy"]), npz_files()),
)


@cases
@given(any_embeddings, st.booleans())
def test_any_embeddings_are_taken_or_refused(project, found, adding):
    """.npy and .npz of any content beside good data, into `init` and `add`."""
    spec, content = found
    with scratch(project if adding else None) as folder:
        data = folder / "data.jsonl"
        rows = [
            {"id": f"new-{row['id']}", "text": row["text"], "label": ["red", "blue"][n % 2]}
            for n, row in enumerate(ROWS)
        ]
        data.write_bytes(b"".join(as_json(row) + b"\n" for row in rows))
        (folder / spec.partition(":")[0]).write_bytes(content)
        if adding:
            says(add(data, folder, "--embeddings", folder / spec), folder / spec.partition(":")[0], data)
        else:
            outcome = init(
                data,
                folder / "project",
                "--embeddings",
                folder / spec,
                "--labeler",
                "replay",
                "--holdout",
                "2",
            )
            says(outcome, folder / spec.partition(":")[0], data)


@cases
@given(tables, st.sampled_from(["", "", "none", "same"]))
def test_any_hold_out_file_is_taken_or_refused(table, embedded):
    """A file of the user's own for the hold-out, of any bytes: a project, or no trace of one."""
    ending, content = table
    with scratch() as folder:
        data = write_pool(folder / "pool.jsonl", 8)
        path = folder / f"gold{ending}"
        path.write_bytes(content)
        options = ["--labeler", "replay", "--holdout", path]
        if embedded == "none":
            options += ["--encoder", "tfidf"]
        elif embedded == "same":
            np.save(folder / "e.npy", ARRAYS[0])
            options += ["--embeddings", folder / "e.npy", "--holdout-embeddings", folder / "e.npy"]
        says(init(data, folder / "project", *options), path, "--", data, "the options")
