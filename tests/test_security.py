"""What SECURITY.md promises and no other test holds."""

import ast
import io
import json
import logging
import pickle
import re
import sqlite3
import ssl
import struct
import threading
import zipfile
import zlib
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image
from support.process import start_curator
from support.projects import labels_of, make_project

from curator.cli.app import app
from curator.errors import DataError
from curator.pool.catalogue import Pool
from curator.pool.columns import Columns
from curator.pool.importing import import_records
from curator.pool.incoming import EmbeddingSource
from curator.pool.inference import infer_columns
from curator.pool.readers import read_records
from curator.pool.segment_files import read_segment
from curator.pool.vectors import StoreManifest, open_vectors, vector_dim
from curator.project.project import Project
from curator.rounds.run import run_round
from integrations.encoders.registry import make_encoder
from integrations.errors import EncoderError, LabelerError
from integrations.labelers.label_studio.annotator import SimulatedAnnotator
from integrations.labelers.label_studio.labeler import LabelStudioLabeler
from integrations.labelers.protocol import ProjectSpec

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("curator", "strategies", "integrations")

# --- no code from data: what our modules may not even mention ---------------------------------------------------

MODULES = {
    "pickle",
    "_pickle",
    "cPickle",
    "cloudpickle",
    "dill",
    "joblib",
    "marshal",
    "shelve",
    "telnetlib",
    "yaml",
}
NAMES = {
    "builtins.eval", "builtins.exec", "builtins.compile", "builtins.__import__",
    "torch.load", "torch.save", "torch.hub.load", "os.system", "os.popen", "tempfile.mktemp",
    "ssl._create_unverified_context", "ssl.CERT_NONE", "pandas.read_pickle", "numpy.lib.format.read_array",
}  # fmt: skip
# keyword -> the only value that it may have
KEYWORDS = {
    "verify": True,
    "allow_pickle": False,
    "shell": False,
    "trust_remote_code": False,
    "check_hostname": True,
    "use_safetensors": True,
    "weights_only": True,
}


def offences(source):
    """(line, what) of all that loads code from data, runs a shell or turns checks off."""
    tree = ast.parse(source)
    known, found = imports(tree)
    verifying = contexts(tree, known)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            name = _dotted(node, known)
            found += [(node.lineno, name)] * (name in NAMES)
        for name, value in settings_of(node):
            safe = name == "verify" and isinstance(value, ast.Name) and value.id in verifying
            if name in KEYWORDS and not safe and not _is(value, KEYWORDS[name]):
                found.append((node.lineno, f"{name}={ast.unparse(value)}"))
    return sorted(set(found))


def contexts(tree, known):
    """Names that are only ever given a TLS context which verifies certificates."""
    given = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            verifies = (
                isinstance(node.value, ast.Call)
                and _dotted(node.value.func, known) == "ssl.create_default_context"
            )
            given.setdefault(node.targets[0].id, []).append(verifies)
    return {name for name, all_verify in given.items() if all(all_verify)}


def imports(tree):
    """What each name stands for, and the imports that may not be."""
    known = {name: f"builtins.{name}" for name in ("eval", "exec", "compile", "__import__")}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                known[alias.asname or first] = alias.name if alias.asname else first
                found += [(node.lineno, alias.name)] * (first in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found += [(node.lineno, node.module)] * (node.module.split(".")[0] in MODULES)
    return known, found


def settings_of(node):
    """(name, value) of keywords, of dictionaries that may be passed on as such, and of attributes that are set."""
    if isinstance(node, ast.Call):
        yield from ((keyword.arg, keyword.value) for keyword in node.keywords)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value
    elif isinstance(node, ast.Assign):
        yield from ((target.attr, node.value) for target in node.targets if isinstance(target, ast.Attribute))


def _is(value, expected):
    return isinstance(value, ast.Constant) and value.value is expected


def _dotted(node, known):
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    if not isinstance(node, ast.Attribute):
        return ""
    before = _dotted(node.value, known)
    return f"{before}.{node.attr}" if before else ""


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_runs_code_from_data(package):
    """No pickle in any guise, no yaml, no eval, no shell, no unverified TLS, no remote code of models."""
    paths = sorted((ROOT / package).rglob("*.py"))
    assert paths
    found = {str(path.relative_to(ROOT)): offences(path.read_text("utf-8")) for path in paths}
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "import pickle as p",
        "import marshal, json",
        "from dill import loads",
        "from shelve import open as o",
        "from joblib.numpy_pickle import load",
        "import yaml",
        "eval('1')",
        "run = exec",
        "__import__('os')",
        "import torch\ntorch.load('x')",
        "import torch as t\nf = t.load",
        "from torch import load\nload('x')",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "import numpy as np\nflag = True\nnp.load('x', allow_pickle=flag)",
        "import httpx\nhttpx.get('x', verify=False)",
        "import httpx\nhttpx.Client(**{'verify': False})",
        "import httpx\nhttpx.get('x', verify=None)",
        "import httpx, ssl\nc = ssl.create_default_context()\nc = None\nhttpx.get('x', verify=c)",
        "context.check_hostname = False",
        "import ssl\nssl._create_unverified_context()",
        "import ssl\ncontext.verify_mode = ssl.CERT_NONE",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import os\nos.system('ls')",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
        "import numpy\nnumpy.lib.format.read_array(x)",
    ],
)
def test_a_planted_offence_is_caught(line):
    """In every form of import, also inside a function."""
    inside = "def late():\n" + "".join(f"    {part}\n" for part in line.splitlines())
    assert offences(line)
    assert offences(inside)


@pytest.mark.parametrize(
    "line",
    [
        "model.eval()",
        "import re\nre.compile('x')",
        "import json\njson.load(file)",
        "import numpy as np\nnp.load('x', allow_pickle=False)",
        "from safetensors.numpy import load\nload(x)",
        "import subprocess\nsubprocess.run(['ls'])",
        "import httpx\nhttpx.Client(verify=True)",
        "import httpx, ssl\nc = ssl.create_default_context(cafile='a.pem')\nhttpx.Client(verify=c)",
    ],
)
def test_harmless_lines_pass(line):
    """The check knows torch's `model.eval()` from Python's `eval`."""
    assert offences(line) == []


# --- no code from data: files that try -------------------------------------------------------------------------


class Bomb:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return (open, (self.trace, "w"))


@pytest.fixture
def bomb(tmp_path):
    """Something to pickle; nothing may have unpickled it when the test ends."""
    made = Bomb(tmp_path / "trace")
    pickle.loads(pickle.dumps(made)).close()
    assert Path(made.trace).exists(), "the bomb must work"
    Path(made.trace).unlink()
    yield made
    assert not Path(made.trace).exists()


def objects(bomb):
    """A .npy file of Python objects."""
    file = io.BytesIO()
    np.save(file, np.array([[bomb]], dtype=object), allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize("spec", ["e.npy", "e.npz", "e.npz:a"])
def test_embeddings_that_hold_a_pickle(tmp_path, bomb, spec):
    """`--embeddings` takes numbers only: an array of Python objects is refused unread."""
    name = spec.split(":")[0]
    if name.endswith(".npz"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("a.npy", objects(bomb))
    else:
        (tmp_path / name).write_bytes(objects(bomb))
    (tmp_path / "d.csv").write_text("text\none\n")
    pool = Pool.create(tmp_path / "pool", "text")
    source = EmbeddingSource(tmp_path / "e", str(tmp_path / spec))
    with pytest.raises(EncoderError, match="Python objects"):
        import_records(pool, tmp_path / "d.csv", Columns(text="text"), classes=("a", "b"), embeddings=source)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_data_file_that_is_a_pickle(tmp_path, bomb, suffix):
    """It is refused, whatever it is called."""
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(pickle.dumps(bomb))
    with pytest.raises(DataError):
        list(read_records(path, Columns(text="text"), "text"))


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_embeddings_that_are_a_pickle(tmp_path, bomb, suffix):
    """`numpy.load` would unpickle such a file if it were allowed to."""
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(pickle.dumps(bomb))
    (tmp_path / "d.csv").write_text("text\none\n")
    pool = Pool.create(tmp_path / "pool", "text")
    source = EmbeddingSource(tmp_path / "e", str(path))
    with pytest.raises(EncoderError):
        import_records(pool, tmp_path / "d.csv", Columns(text="text"), classes=("a", "b"), embeddings=source)


def with_pickled_type(path, payload):
    """A Parquet file whose column claims to be of a pickled extension type (CVE-2023-47248)."""
    storage = pa.array(["one", "two"])
    metadata = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": payload,
    }
    schema = pa.schema([pa.field("text", pa.string(), metadata=metadata)])
    pq.write_table(pa.Table.from_arrays([storage], schema=schema), path)


def test_a_parquet_file_with_a_pickled_type(tmp_path, bomb):
    """It is read as what it is stored as, by the readers and by the pool."""
    path = tmp_path / "a.parquet"
    with_pickled_type(path, pickle.dumps(bomb))
    assert infer_columns(path, Columns(), None).columns.text == "text"
    (batch,) = read_records(path, Columns(text="text"), "text")
    assert batch.contents == ["one", "two"]
    pool = Pool.create(tmp_path / "pool", "text")
    import_records(pool, path, Columns(text="text"), classes=("a", "b"))
    segment = pool.segments[0]
    with_pickled_type(segment.path, pickle.dumps(bomb))
    assert read_segment(segment, ("text",)).column("text").to_pylist() == ["one", "two"]


@pytest.mark.parametrize(
    ("encoder", "kind", "file"), [("tfidf", "text", "tfidf.npz"), ("pixels", "image", "pixels.npz")]
)
def test_what_an_encoder_learned_holds_no_code(tmp_path, bomb, encoder, kind, file):
    """An encoder's arrays that were replaced by pickles are refused."""
    items = ["some words here", "other words there", "and more words"]
    if kind == "image":
        items = [str(tmp_path / f"{n}.png") for n in range(3)]
        for n, path in enumerate(items):
            Image.new("L", (4, 4), n).save(path)
    made = make_encoder(encoder, kind)
    made.fit(items)
    made.save(tmp_path / "learned")
    archives = list((tmp_path / "learned").glob("*.npz"))
    assert [path.name for path in archives] == [file]
    with zipfile.ZipFile(archives[0]) as archive:
        names = archive.namelist()
    with zipfile.ZipFile(archives[0], "w") as archive:
        for name in names:
            archive.writestr(name, objects(bomb))
    with pytest.raises(EncoderError, match="cannot be read"):
        make_encoder(encoder, kind).load(tmp_path / "learned")


def test_a_store_of_embeddings_holds_no_code(tmp_path, bomb):
    """A memory-mapped file of embeddings that is a pickle is no embedding."""
    (tmp_path / "segment-000000.npy").write_bytes(objects(bomb))
    assert vector_dim(tmp_path / "segment-000000.npy") is None
    with pytest.raises(ValueError, match="object"):
        open_vectors(tmp_path / "segment-000000.npy")


def test_what_curator_writes_holds_no_pickle(tmp_path):
    """After two rounds: known endings only, arrays without objects, nothing that begins like a pickle or a zip of one."""
    folder = make_project(tmp_path, n=80, holdout="20", encoder="tfidf")
    with Project(folder) as project:
        for _ in range(3):
            run_round(project)
    files = [path for path in (folder / ".curator").rglob("*") if path.is_file()]
    assert any(path.suffix == ".safetensors" for path in files)
    known = {
        ".db",
        ".db-shm",
        ".db-wal",
        ".json",
        ".jsonl",
        ".kernel",
        ".npy",
        ".npz",
        ".parquet",
        ".safetensors",
        "",
    }
    assert {path.suffix for path in files} <= known
    for path in files:
        assert not re.match(rb"\x80[\x02-\x05]", path.read_bytes()[:2]), path
        if path.suffix in (".npy", ".npz"):
            loaded = np.load(path, allow_pickle=False)
            arrays = [loaded] if path.suffix == ".npy" else [loaded[name] for name in loaded.files]
            assert all(array.dtype.kind in "fiu" for array in arrays)
            if path.suffix == ".npz":
                loaded.close()
    assert StoreManifest.load(folder / ".curator" / "embeddings" / "tfidf").encoder == "tfidf"


def test_an_image_that_would_fill_the_memory(tmp_path):
    """A few bytes that announce 900 million pixels are refused by name."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + body)
    (tmp_path / "i.csv").write_text("image,n\nbomb.png,1\n")
    with pytest.raises(
        DataError, match=r"broken image: row 1 \(line 2\).*bomb\.png.*more than 178,956,970 pixels"
    ):
        list(read_records(tmp_path / "i.csv", Columns(image="image"), "image"))


# --- the token ------------------------------------------------------------------------------------------------


def commands(group, before=()):
    """Every command with its name, those of groups included."""
    if hasattr(group, "commands"):
        for name, command in group.commands.items():
            yield from commands(command, (*before, name))
    else:
        yield " ".join(before), group


def test_no_command_takes_a_secret():
    """What stands in a command line can be read by every user of the machine."""
    found = list(commands(typer.main.get_command(app)))
    assert len(found) > 5
    for name, command in found:
        for parameter in command.params:
            if getattr(parameter, "is_flag", False):
                continue  # takes no value
            for spelling in (parameter.name, *parameter.opts):
                assert not re.search(r"token|api.?key|passw|secret", spelling, re.IGNORECASE), (
                    name,
                    spelling,
                )


def test_no_setting_holds_a_secret():
    """curator.toml gets committed: it has no place for a token, and says where it belongs."""
    from curator.config import Config

    def names(model):
        for name, field in model.model_fields.items():
            yield name
            if hasattr(field.annotation, "model_fields"):
                yield from names(field.annotation)

    found = list(names(Config))
    assert len(found) > 20
    assert not [name for name in found if re.search(r"token|api.?key|passw|secret", name)]


def command_lines():
    """The command line of every process of this machine."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:
            continue  # it has ended


def test_the_token_shows_up_nowhere(tmp_path, studio, monkeypatch, caplog):
    """A round with a real server: not in a file, not in the ledger, not in the output, the process list or a debug log.

    The annotator's e-mail address is in the ledger: that is what the ledger is for, and SECURITY.md says so.
    """
    token = studio.token
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", token)
    folder = make_project(
        tmp_path / "project", n=40, batch=4, holdout="4", labeler="label-studio", url=studio.url
    )
    process = start_curator("round", "--project", str(folder))
    seen = set()
    while process.poll() is None:
        seen.update(command_lines())
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert any(str(folder).encode() in line for line in seen)
    assert not any(token.encode() in line for line in seen)
    with Project(folder) as project:
        truth = labels_of(project)
        number = int(project.ledger.get("labeler_project"))
    SimulatedAnnotator(studio.url, token, lambda data: truth[data["item_id"]]).run(number)
    caplog.clear()
    with caplog.at_level(logging.DEBUG), Project(folder) as project:
        report = run_round(project)
        shown = repr(report) + repr(project.labeler) + repr(vars(project.labeler))
    assert report.measured is not None
    assert caplog.records, "debug logs must have been taken"
    logged = "\n".join(f"{record.getMessage()} {record.args!r}" for record in caplog.records)
    for where, text in (("stdout", out), ("stderr", err), ("log", logged), ("repr", shown)):
        assert token not in text, where
    files = [path for path in (tmp_path).rglob("*") if path.is_file()]
    assert folder / "curator.toml" in files
    for path in files:
        assert token.encode() not in path.read_bytes(), path
    with sqlite3.connect(folder / ".curator" / "ledger.db") as ledger:
        people = {row[0] for row in ledger.execute("select distinct annotator from answers")}
    ledger.close()
    assert people == {studio.email}


# --- TLS ------------------------------------------------------------------------------------------------------


class Counting(BaseHTTPRequestHandler):
    """Counts what it is asked."""

    requests = 0

    def do_GET(self):
        type(self).requests += 1
        self.send_response(200)
        self.end_headers()

    do_POST = do_GET  # noqa: N815 - the name that the library calls

    def log_message(self, *_):
        pass


@pytest.fixture
def https_of_nobody(tmp_path):
    """A server whose certificate nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # a handshake that the client breaks off
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}", pem
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_certificate_that_nobody_vouches_for(https_of_nobody, monkeypatch):
    """The connection is refused before anything is sent, and the message says why; SSL_CERT_FILE vouches."""
    url, certificate = https_of_nobody
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(Counting, "requests", 0)
    wanted = ProjectSpec(title="tls", kind="text", classes=("a", "b"))
    with pytest.raises(LabelerError, match=r"shows a certificate that is not trusted here.*ca_file"):
        LabelStudioLabeler(url, "d00dfeed" * 5, timeout=10.0).prepare(wanted, None)
    assert Counting.requests == 0
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(LabelerError, match=r"does not speak like Label Studio|instead of JSON"):
        LabelStudioLabeler(url, "d00dfeed" * 5, timeout=10.0).prepare(wanted, None)
    assert Counting.requests > 0


# --- the page itself -------------------------------------------------------------------------------------------


def test_the_page_names_files_that_exist():
    """Every path that SECURITY.md points to."""
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    named = re.findall(r"`((?:curator|integrations|strategies|tests|\.ci)/[\w./-]+)`", text)
    named += [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    assert len(named) > 5
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_a_pool_from_a_stranger_is_only_data(tmp_path):
    """Markup, formulas and template braces in a text come back as they are; nothing interprets them."""
    nasty = [
        "{{7*7}}",
        "${jndi:ldap://host/x}",
        "<script>alert(1)</script>",
        "=cmd()",
        "__import__('os')",
        "%s %n",
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in nasty))
    pool = Pool.create(tmp_path / "pool", "text")
    import_records(pool, path, Columns(text="text"), classes=("a", "b"))
    assert pool.contents(range(len(nasty))) == nasty
