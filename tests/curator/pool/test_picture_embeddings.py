"""Embeddings of pictures that an earlier decoder made: kept where nothing looks different, else made anew."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from curator.pool.catalogue import Pool
from curator.pool.columns import Columns
from curator.pool.embeddings import EmbeddingStore
from curator.pool.importing import import_records
from integrations.encoders.pixels import PixelsEncoder
from integrations.encoders.transformers_images import TransformersImageEncoder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A vision transformer for 16x16 images."""
    import torch
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    folder = tmp_path_factory.mktemp("vit")
    torch.manual_seed(0)
    ViTModel(
        ViTConfig(
            image_size=16,
            patch_size=8,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
        )
    ).save_pretrained(folder)
    ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    return str(folder)


def encoder_of(name, model):
    return PixelsEncoder() if name == "pixels" else TransformersImageEncoder(model)


def bars(folder, *, clear):
    """A pool of six pictures; the last has a clear part, if wanted."""
    rows = ["id,image"]
    for i in range(6):
        image = Image.new("RGB", (24, 16), "white")
        ImageDraw.Draw(image).rectangle([0, 0, 3 + 3 * i, 7], fill=(200, 30 * i, 30))
        image = image.convert("RGBA")
        if clear and i == 5:
            image.putalpha(100)
        image.convert("RGBA" if clear and i == 5 else "RGB").save(folder / f"{i}.png")
        rows.append(f"i{i},{i}.png")
    (folder / "rows.csv").write_text("\n".join(rows))
    pool = Pool.create(folder / "pool", "image")
    import_records(pool, folder / "rows.csv", Columns(id="id", image="image"), classes=("a", "b"))
    return pool


def made_before(folder, encoder):
    """A store as the first decoder left it: neither manifest nor learned state count it."""
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["about"]["decoder"]
    state = folder / "encoder" / "pixels.json"
    if state.exists():
        content = json.loads(state.read_text())
        del content["decoder"]
        encoder.decoder = 1
        state.write_text(json.dumps({**content, "fingerprint": encoder.fingerprint}))
    else:
        encoder.decoder, encoder._fingerprint = 1, None
    manifest["fingerprint"] = encoder.fingerprint
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return manifest["fingerprint"]


@pytest.mark.parametrize("name", ["pixels", "transformers"])
def test_embeddings_made_before_stay_where_nothing_looks_different(tmp_path, model, name):
    """Plain pictures: nothing is computed, the fingerprint stays (so do the models), and nobody looks a second time."""
    pool = bars(tmp_path, clear=False)
    encoder = encoder_of(name, model)
    store = EmbeddingStore(tmp_path / "store", pool, encoder)
    store.ensure()
    rows = store.take(np.arange(6))
    earlier = made_before(store.folder, encoder)
    for _ in range(2):
        again = EmbeddingStore(tmp_path / "store", pool, encoder_of(name, model))
        report = again.ensure()
        assert (report.rows_encoded, report.warnings) == (0, ())
        assert again.fingerprint == earlier
        np.testing.assert_array_equal(again.take(np.arange(6)), rows)
    assert json.loads((store.folder / "manifest.json").read_text())["about"]["decoder"] == 1


@pytest.mark.parametrize("name", ["pixels", "transformers"])
def test_embeddings_made_before_are_made_anew_where_something_looks_different(tmp_path, model, name):
    """One icon on nothing is enough: all are computed again, under another fingerprint, and it is said once."""
    pool = bars(tmp_path, clear=True)
    encoder = encoder_of(name, model)
    store = EmbeddingStore(tmp_path / "store", pool, encoder)
    store.ensure()
    now, earlier = store.fingerprint, made_before(store.folder, encoder)
    again = EmbeddingStore(tmp_path / "store", pool, encoder_of(name, model))
    report = again.ensure()
    assert report.rows_encoded == 6
    assert "all embeddings are recomputed" in report.warnings[0]
    assert len(report.warnings) == 1
    assert again.fingerprint == now != earlier
    assert EmbeddingStore(tmp_path / "store", pool, encoder_of(name, model)).ensure().warnings == ()
