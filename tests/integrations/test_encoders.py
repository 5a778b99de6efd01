"""Encoders without downloads, and the registry."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from integrations import plugins
from integrations.encoders.pixels import PixelsEncoder
from integrations.encoders.precomputed import PrecomputedEncoder
from integrations.encoders.protocol import unit_rows
from integrations.encoders.registry import default_encoder, make_encoder
from integrations.encoders.tfidf import TfidfEncoder
from integrations.errors import EncoderError

TEXTS = [f"{'refund my card please' if i % 2 else 'where is the parcel'} number {i}" for i in range(40)]


@settings(max_examples=50, deadline=None)
@given(
    arrays(
        st.sampled_from([np.float16, np.float32, np.float64]), (4, 3), elements=st.floats(-6e4, 6e4, width=16)
    )
)
def test_unit_rows(rows):
    """Rows come out with length 1 or zero, in the same direction, and zero rows are counted."""
    unit, zero = unit_rows(rows)
    lengths = np.linalg.norm(unit, axis=1)
    empty = ~rows.any(axis=1)
    assert zero == empty.sum()
    np.testing.assert_allclose(lengths, ~empty, atol=1e-5)


def test_unit_rows_of_extreme_numbers():
    """Numbers beyond float32 keep their direction."""
    unit, _ = unit_rows(np.array([[3e300, 4e300], [3e-300, -4e-300]]))
    np.testing.assert_allclose(unit, [[0.6, 0.8], [0.6, -0.8]], rtol=1e-6)
    assert unit_rows(np.empty((0, 3), np.float32))[0].shape == (0, 3)


def test_tfidf_learns_keeps_and_repeats(tmp_path):
    """Saved and loaded, TF-IDF gives the same numbers and fingerprint; batches do not matter."""
    encoder = TfidfEncoder()
    assert encoder.needs_fit
    assert not encoder.load(tmp_path / "nothing")
    encoder.fit(TEXTS)
    rows = encoder.encode(TEXTS)
    assert rows.dtype == np.float32
    assert rows.shape == (40, 40)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    same, other = rows[1] @ rows[3], rows[1] @ rows[2]
    assert same > other
    encoder.save(tmp_path / "kept")
    loaded = TfidfEncoder()
    assert loaded.load(tmp_path / "kept")
    assert not loaded.needs_fit
    assert loaded.fingerprint == encoder.fingerprint != ""
    np.testing.assert_allclose(np.vstack([loaded.encode([text]) for text in TEXTS]), rows, atol=1e-6)
    assert encoder.encode(["\u4f60\u597d"]).any() == np.False_
    assert encoder.encode([]).shape == (0, 40)
    again = TfidfEncoder(dim=8)
    again.fit(TEXTS)
    assert again.encode(TEXTS).shape == (40, 8)
    assert again.fingerprint != encoder.fingerprint
    assert encoder.describe()["version"] == 1
    assert not [path for path in (tmp_path / "kept").rglob("*") if path.suffix == ".pkl"]


def test_tfidf_learns_the_same_on_any_number_of_threads():
    """What it learns is the same to the last bit: picks hang on it."""
    rng = np.random.default_rng(0)
    texts = [" ".join(map(str, rng.zipf(1.4, 12) % 5_000)) for _ in range(1_500)]
    fingerprints = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads, user_api="blas"):
            encoder = TfidfEncoder()
            encoder.fit(texts)
        fingerprints.append(encoder.fingerprint)
    assert fingerprints[0] == fingerprints[1]


def test_tfidf_errors(tmp_path):
    """Texts without words, use before fitting and damaged files are told."""
    encoder = TfidfEncoder()
    with pytest.raises(EncoderError, match="no words in 2 texts"):
        encoder.fit(["...", "!!"])
    with pytest.raises(EncoderError, match="fitted before"):
        encoder.encode(["a"])
    with pytest.raises(EncoderError, match="before it is fitted"):
        encoder.save(tmp_path)
    encoder.fit(TEXTS)
    encoder.save(tmp_path)
    vocabulary = tmp_path / "vocabulary.json"
    content = json.loads(vocabulary.read_text())
    vocabulary.write_text(json.dumps({**content, "fingerprint": "other"}))
    with pytest.raises(EncoderError, match="another version"):
        TfidfEncoder().load(tmp_path)
    vocabulary.write_text("{")
    with pytest.raises(EncoderError, match=r"cannot be read .* Delete this folder"):
        TfidfEncoder().load(tmp_path)


def digit_files(folder, count=60):
    images = load_digits().images[:count]
    paths = []
    for number, image in enumerate(images):
        paths.append(str(folder / f"{number}.png"))
        Image.fromarray((image * 15.9375).astype(np.uint8)).save(paths[-1])
    return paths, images


def test_pixels_of_digits(tmp_path):
    """8x8 digits stay 8x8: the embedding is the centred image at length 1."""
    paths, images = digit_files(tmp_path)
    encoder = PixelsEncoder()
    assert encoder.fingerprint == ""
    assert encoder.needs_fit
    encoder.fit(paths)
    rows = encoder.encode(paths)
    assert rows.shape == (60, 64)
    centred = np.floor(images * 15.9375).reshape(60, 64)
    centred = centred - centred.mean(axis=0)
    np.testing.assert_allclose(rows, centred / np.linalg.norm(centred, axis=1, keepdims=True), atol=1e-5)
    encoder.save(tmp_path / "kept")
    loaded = PixelsEncoder()
    assert loaded.load(tmp_path / "kept")
    assert loaded.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(loaded.encode(paths[:5]), rows[:5])
    assert loaded.describe() == {"version": 1, "size": [8, 8], "mode": "L"}
    assert loaded.encode([]).shape == (0, 64)


def test_pixels_of_large_colour_and_deep_images(tmp_path):
    """Large images shrink to 32 a side, colour stays, 16 bits are scaled rather than clipped."""
    rng = np.random.default_rng(0)
    paths = [str(tmp_path / f"{i}.png") for i in range(4)]
    for path in paths:
        Image.fromarray(rng.integers(0, 255, (20, 90, 3), dtype=np.uint8)).save(path)
    encoder = PixelsEncoder()
    encoder.fit(paths)
    assert encoder.describe()["size"] == [32, 20]
    assert encoder.encode(paths).shape == (4, 32 * 20 * 3)
    deep, plain = tmp_path / "deep.png", tmp_path / "plain.png"
    levels = rng.integers(0, 256, (6, 6))
    Image.fromarray((levels * 257).astype(np.uint16)).save(deep)
    Image.fromarray(levels.astype(np.uint8)).save(plain)
    black = tmp_path / "black.png"
    Image.new("L", (6, 6)).save(black)
    grey = PixelsEncoder()
    grey.fit([str(deep), str(plain), str(black)])
    rows = grey.encode([str(deep), str(plain)])
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)


def test_pixels_errors(tmp_path):
    """URLs, lost files, use before fitting and damaged files are told."""
    encoder = PixelsEncoder()
    with pytest.raises(EncoderError, match="do not fetch images"):
        encoder.fit(["https://host/a.png"])
    with pytest.raises(EncoderError, match=r"gone.png: the image cannot be opened"):
        encoder.fit([str(tmp_path / "gone.png")])
    with pytest.raises(EncoderError, match="fitted before"):
        encoder.encode([])
    with pytest.raises(EncoderError, match="before it is fitted"):
        encoder.save(tmp_path)
    assert not encoder.load(tmp_path)
    paths, _ = digit_files(tmp_path, 5)
    encoder.fit(paths)
    encoder.save(tmp_path)
    settings_file = tmp_path / "pixels.json"
    content = json.loads(settings_file.read_text())
    settings_file.write_text(json.dumps({**content, "fingerprint": "other"}))
    with pytest.raises(EncoderError, match="another version"):
        PixelsEncoder().load(tmp_path)
    settings_file.write_text("{}")
    with pytest.raises(EncoderError, match="cannot be read"):
        PixelsEncoder().load(tmp_path)


def test_precomputed_only_stands_in(tmp_path):
    """The precomputed encoder learns nothing, keeps nothing and computes nothing."""
    encoder = make_encoder("precomputed:a.npz:pool", "image")
    assert isinstance(encoder, PrecomputedEncoder)
    assert encoder.file == "a.npz:pool"
    encoder.fit(["a"])
    encoder.save(tmp_path)
    assert encoder.load(tmp_path)
    assert not encoder.needs_fit
    assert encoder.describe() == {"source": "a.npz:pool"}
    assert not list(tmp_path.iterdir())


def test_registry():
    """Names give encoders; what does not fit is refused with the reason."""
    assert make_encoder("tfidf", "text").name == "tfidf"
    assert make_encoder("pixels", "image").name == "pixels"
    for spec, kind, part in [
        ("nonsense", "text", "known are: tfidf, pixels, precomputed, sentence-transformers, transformers"),
        ("tfidf", "image", "for texts, and this is a pool of images"),
        ("pixels", "text", "for images"),
        ("tfidf:9", "text", "takes no argument, got '9'"),
        ("sentence-transformers", "text", "sentence-transformers:NAME_OR_PATH"),
        ("transformers:", "image", "transformers:NAME_OR_PATH"),
    ]:
        with pytest.raises(EncoderError) as caught:
            make_encoder(spec, kind)
        assert part in str(caught.value)


def test_third_party_encoders(monkeypatch):
    """An entry point of the group `curator.encoders` is an encoder like ours."""
    name = "integrations.encoders.precomputed:PrecomputedEncoder"
    points = EntryPoints(
        [
            EntryPoint("theirs", name, "curator.encoders"),
            EntryPoint("broken", "no.such.module:Encoder", "curator.encoders"),
            EntryPoint("thing", "integrations.encoders.registry:SMALL_SIDE", "curator.encoders"),
            EntryPoint("careless", "importlib:import_module", "curator.encoders"),
        ]
    )
    monkeypatch.setattr(plugins, "entry_points", lambda group: points.select(group=group))
    assert make_encoder("theirs:argument", "text").file == "argument"
    for spec, part in [
        ("other", "transformers, broken, careless, theirs, thing"),
        ("broken", r"an unknown package cannot be loaded \(no\.such\.module:Encoder\): ModuleNotFoundError"),
        ("thing", "is not a function or class but a int"),
        ("careless:no_such_module", "cannot be made: .*must be installed"),
    ]:
        with pytest.raises(EncoderError, match=part):
            make_encoder(spec, "text")
    points = EntryPoints([EntryPoint("tfidf", name, "curator.encoders")])
    with pytest.raises(EncoderError, match="Two encoders are called 'tfidf'"):
        make_encoder("other", "text")
    assert make_encoder("tfidf", "text").name == "tfidf"


def test_default_encoders(tmp_path):
    """The default needs no download, and its note says when it is a poor choice."""
    assert default_encoder("text", [])[0] == "tfidf"
    paths, _ = digit_files(tmp_path, 3)
    assert default_encoder("image", paths) == ("pixels", "encoder: pixels (images are 8x8)")
    Image.new("RGB", (640, 480)).save(tmp_path / "large.png")
    name, note = default_encoder("image", [str(tmp_path / "large.png")])
    assert name == "pixels"
    assert "640x480" in note
    assert "transformers:NAME" in note


@pytest.mark.parametrize("module", ["integrations.encoders.registry", "integrations.encoders.tfidf"])
def test_imports_are_quick(module):
    """Choosing an encoder loads none of the heavy libraries."""
    code = f"import sys, {module}; print([m for m in ('torch', 'sklearn', 'transformers', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "texts",
    [
        [
            "\U0001f600",
            "\U0001f621",
            "\U0001f389\U0001f389",
            "\U0001f494",
            "\U0001f44d\U0001f3fd",
            "\u2764\ufe0f",
        ],
        ["<3", "=(", "=)", "+1", "-1", "$$"],
        ["\u9000\u6b3e", "\u767b\u5f55", "\u5feb\u9012\u6162", "\u8d26", "\u53f7", "\u3042\u3044"],
        ["a", "b", "c", "d", "e", "f"],
        ["\u0e2a\u0e27", "\u0e14\u0e35", "\u0e04\u0e23", "\u0e1a", "\u0e01", "\u0e02"],
    ],
    ids=["emoji", "signs", "CJK", "single letters", "Thai"],
)
def test_texts_that_are_no_words_have_embeddings(tmp_path, texts):
    """Of unit length, different from each other, alike where the texts are alike, and the same after a save."""
    encoder = TfidfEncoder()
    encoder.fit(texts * 3)
    rows = encoder.encode(texts)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    cosines = rows @ rows.T
    assert cosines[~np.eye(len(texts), dtype=bool)].max() < 0.97
    longer = encoder.encode([text * 2 for text in texts])
    assert ((longer @ rows.T).argmax(axis=1) == np.arange(len(texts))).all()
    encoder.save(tmp_path)
    loaded = TfidfEncoder()
    assert loaded.load(tmp_path)
    assert loaded.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(loaded.encode(texts), rows)


def test_a_thousand_texts_that_share_no_word_have_embeddings():
    """Terms of a single text are left out of many texts, but not if nothing is left then."""
    texts = [chr(0x4E00 + 2 * i) + chr(0x4E01 + 2 * i) for i in range(1000)]
    encoder = TfidfEncoder()
    encoder.fit(texts)
    assert encoder.encode(texts[:50]).any(axis=1).all()


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\0", "\u200b\u00a0", "?!", "\u3002"])
def test_texts_without_anything_to_tell_apart_are_refused(text):
    """There is nothing to embed."""
    with pytest.raises(
        EncoderError, match="found no words in 3 texts, nor anything else but punctuation and spaces"
    ):
        TfidfEncoder().fit([text] * 3)
