"""Pretrained encoders, with tiny models that the tests build; nothing is downloaded."""

import json
import os
import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

from integrations.encoders.model_files import fingerprint_after, model_fingerprint
from integrations.encoders.registry import make_encoder
from integrations.errors import EncoderError

TEXTS = ["a red card", "a blue card", "where is my card"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "blue", "card", "where", "is", "my"]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No test here may reach the hub."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")


@pytest.fixture(scope="module")
def text_model(tmp_path_factory):
    """A two-layer BERT with a vocabulary of twelve words, as sentence-transformers saves it."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    try:
        from sentence_transformers.models import Pooling, Transformer
    except ImportError:
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    folder = tmp_path_factory.mktemp("bert")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    body = Transformer(str(folder))
    target = tmp_path_factory.mktemp("sentences")
    SentenceTransformer(modules=[body, Pooling(16)], device="cpu").save(str(target))
    return target


@pytest.fixture(scope="module")
def image_model(tmp_path_factory):
    """A two-layer vision transformer for 16x16 images."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    folder = tmp_path_factory.mktemp("vit")
    torch.manual_seed(0)
    config = ViTConfig(
        image_size=16,
        patch_size=8,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
    )
    ViTModel(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    return folder


@pytest.fixture
def images(tmp_path):
    """Three images of different size and mode."""
    paths = []
    for number, (mode, size) in enumerate([("RGB", (20, 20)), ("L", (8, 8)), ("P", (30, 12))]):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.effect_noise(size, 90 + number).convert(mode).save(paths[-1])
    return paths


def check(encoder, items, tmp_path):
    """What every pretrained encoder promises."""
    assert not encoder.needs_fit
    encoder.fit(items)
    encoder.save(tmp_path / "none")
    assert encoder.load(tmp_path / "none")
    rows = encoder.encode(items)
    assert rows.shape == (len(items), 16)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.vstack([encoder.encode([item]) for item in items]), rows, atol=1e-5)
    return rows


def test_sentence_transformers_from_a_folder(text_model, tmp_path):
    """A model in a folder encodes texts offline; its fingerprint follows its files."""
    encoder = make_encoder(f"sentence-transformers:{text_model}", "text")
    rows = check(encoder, TEXTS, tmp_path)
    assert rows[0] @ rows[1] > rows[0] @ rows[2]
    assert encoder.describe()["model"] == str(text_model)
    assert len(encoder.fingerprint) == 16
    assert make_encoder(f"sentence-transformers:{text_model}", "text").fingerprint == encoder.fingerprint


def test_transformers_from_a_folder(image_model, images, tmp_path):
    """A vision model in a folder encodes images of any size and mode offline."""
    encoder = make_encoder(f"transformers:{image_model}", "image")
    check(encoder, images, tmp_path)
    assert encoder.describe()["model"] == str(image_model)
    assert len(encoder.fingerprint) == 16


def test_models_with_an_image_embedding_of_their_own(images, tmp_path):
    """CLIP's pooled image state is used, and a convolutional model's map is averaged."""
    import torch
    from transformers import (
        CLIPConfig,
        CLIPImageProcessor,
        CLIPModel,
        ConvNextConfig,
        ConvNextImageProcessor,
        ConvNextModel,
    )

    torch.manual_seed(0)
    tiny = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = {**tiny, "image_size": 16, "patch_size": 8}
    clip = CLIPModel(
        CLIPConfig(text_config={**tiny, "vocab_size": 20}, vision_config=vision, projection_dim=8)
    )
    clip.save_pretrained(tmp_path / "clip")
    size = {"height": 16, "width": 16}
    CLIPImageProcessor(size=size, crop_size=size).save_pretrained(tmp_path / "clip")
    ConvNextModel(ConvNextConfig(num_stages=2, hidden_sizes=[8, 16], depths=[1, 1])).save_pretrained(
        tmp_path / "conv"
    )
    ConvNextImageProcessor(size={"shortest_edge": 32}).save_pretrained(tmp_path / "conv")
    for name in ("clip", "conv"):
        rows = make_encoder(f"transformers:{tmp_path / name}", "image").encode(images)
        assert rows.shape == (3, 16)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_fingerprint_follows_the_files(tmp_path):
    """Any change of a model's files or settings changes the fingerprint; other files do not."""
    (tmp_path / "config.json").write_text("{}")
    first = model_fingerprint(str(tmp_path), "1")
    assert model_fingerprint(str(tmp_path), "2") != first
    (tmp_path / "README.md").write_text("notes")
    assert model_fingerprint(str(tmp_path), "1") == first
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    assert model_fingerprint(str(tmp_path), "1") != first


def test_fingerprint_of_a_model_of_the_hub(monkeypatch):
    """A downloaded model is known by its commit, an unknown one not at all."""
    import huggingface_hub

    def cached(repository, _):
        huggingface_hub.utils.validate_repo_id(repository)
        return "/cache/snapshots/abc/config.json" if repository == "sentence-transformers/tiny" else None

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    assert len(model_fingerprint("tiny", "1")) == 16
    assert model_fingerprint("unknown/model", "1") is None
    assert model_fingerprint("/no/such/folder", "1") is None
    with pytest.raises(EncoderError, match="unknown/model: loaded, but its files are not in"):
        fingerprint_after("unknown/model", lambda: None, "1")


@pytest.mark.parametrize(("spec", "kind"), [("sentence-transformers", "text"), ("transformers", "image")])
def test_a_model_that_is_not_there(tmp_path, spec, kind):
    """A model that cannot be loaded is named, when encoding and when asked for its fingerprint."""
    encoder = make_encoder(f"{spec}:nobody/no-such-model", kind)
    with pytest.raises(EncoderError, match=f"{spec}:nobody/no-such-model: the model cannot be loaded"):
        encoder.encode(["a"])
    with pytest.raises(EncoderError, match="cannot be loaded"):
        _ = encoder.fingerprint


@pytest.mark.parametrize(
    ("spec", "kind", "extra"),
    [
        ("sentence-transformers:m", "text", "text"),
        ("transformers:m", "image", "vision"),
    ],
)
def test_a_missing_extra_says_what_to_install(monkeypatch, spec, kind, extra):
    """Without the extra installed, the message is the command to install it."""
    monkeypatch.setattr("integrations.encoders.pretrained.find_spec", lambda name: None)
    with pytest.raises(EncoderError, match=rf"pip install 'curator\[{extra}\]'"):
        make_encoder(spec, kind)


class Bomb:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return (open, (str(self.trace), "w"))


@pytest.mark.parametrize("encoder", ["sentence-transformers", "transformers"])
def test_weights_in_a_pickle_are_refused(encoder, text_model, image_model, images, tmp_path):
    """Weights come as safetensors; a model that has a pickle only is refused, and nothing in it runs."""
    source, kind = (text_model, "text") if encoder == "sentence-transformers" else (image_model, "image")
    folder, trace = tmp_path / "model", tmp_path / "trace"
    shutil.copytree(source, folder)
    for weights in folder.rglob("model.safetensors"):
        weights.with_name("pytorch_model.bin").write_bytes(pickle.dumps(Bomb(trace)))
        weights.unlink()
    made = make_encoder(f"{encoder}:{folder}", kind)
    with pytest.raises(EncoderError, match=r"model\.safetensors"):
        made.encode(TEXTS if kind == "text" else images)
    assert not trace.exists()


def test_code_that_comes_with_a_model_is_refused(text_model, image_model, images, tmp_path):
    """Neither library imports Python files of a model's folder."""
    trace = tmp_path / "trace"
    for source in (text_model, image_model):
        shutil.copytree(source, tmp_path / source.name)
        (tmp_path / source.name / "custom.py").write_text(
            f"open({str(trace)!r}, 'w')\n\nclass Module: pass\n"
        )
    modules = tmp_path / text_model.name / "modules.json"
    listed = json.loads(modules.read_text())
    listed[0]["type"] = "custom.Module"
    modules.write_text(json.dumps(listed))
    config = tmp_path / image_model.name / "config.json"
    values = json.loads(config.read_text())
    values |= {"model_type": "own", "auto_map": {"AutoConfig": "custom.Module", "AutoModel": "custom.Module"}}
    config.write_text(json.dumps(values))
    for name, folder, kind, items in (
        ("sentence-transformers", text_model.name, "text", TEXTS),
        ("transformers", image_model.name, "image", images),
    ):
        with pytest.raises(EncoderError, match="cannot be loaded"):
            make_encoder(f"{name}:{tmp_path / folder}", kind).encode(items)
    assert not trace.exists()
