"""Image files are decoded as a person sees them, by one decoder for whoever looks at pictures."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from curator.views.report.thumbs import thumbnails
from integrations.encoders.images import is_grey, picture, size_of
from integrations.encoders.pixels import PixelsEncoder, median_size
from integrations.encoders.transformers_images import TransformersImageEncoder
from integrations.errors import EncoderError

ORIENTATION = 0x0112


def scene(mode="RGB", size=(24, 16)):
    """Different in each corner, so that no turn is another."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, 0, 7, 3], fill=(200, 30, 30))
    draw.rectangle([16, 8, 23, 15], fill=(30, 30, 200))
    return image.convert(mode)


def seen(path):
    return np.asarray(picture(str(path))).astype(int)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_file_is_the_upright_picture(tmp_path, orientation, ending):
    """Each of the eight ways in which EXIF says that a camera was held."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = scene() if orientation == 1 else scene().transpose(back[orientation])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"a.{ending}"
    options = (
        {"lossless": True}
        if ending == "webp"
        else {"quality": 100, "subsampling": 0}
        if ending == "jpg"
        else {}
    )
    image.save(path, exif=exif, **options)
    upright = np.asarray(scene()).astype(int)
    assert seen(path).shape == upright.shape
    assert np.abs(seen(path) - upright).mean() < 3
    assert size_of(str(path)) == (24, 16)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(tmp_path, orientation):
    """As in a browser; nor does metadata that is torn."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    scene().save(tmp_path / "a.png", exif=exif)
    scene().save(tmp_path / "torn.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12")
    assert (seen(tmp_path / "a.png") == np.asarray(scene())).all()
    assert seen(tmp_path / "torn.jpg").shape == (16, 24, 3)


def png(head, rows):
    """The bytes of a PNG file."""
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def stroke(mode):
    """A black stroke on nothing, in every way in which a file says "nothing"."""
    rgba = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    ImageDraw.Draw(rgba).line([2, 10, 17, 10], fill=(0, 0, 0, 255), width=3)
    if mode in ("RGBA", "LA"):
        return rgba.convert(mode), {}
    alpha = np.asarray(rgba)[:, :, 3] > 0
    if mode == "P":
        image = Image.fromarray(np.where(alpha, 1, 0).astype(np.uint8), mode="L").convert("P")
        image.putpalette([0, 0, 0] * 256)
        return image, {"transparency": 0}
    if mode == "P, many":
        image = Image.fromarray(np.where(alpha, 1, 0).astype(np.uint8), mode="L").convert("P")
        image.putpalette([0, 0, 0] * 256)
        return image, {"transparency": bytes([0, 255])}
    if mode == "L":
        return Image.fromarray(np.where(alpha, 0, 9).astype(np.uint8)), {"transparency": 9}
    if mode == "I;16":
        return Image.fromarray(np.where(alpha, 0, 9).astype(np.uint16)), {"transparency": 9}
    assert mode == "RGB"
    rgb = np.where(alpha[:, :, None], 0, np.array([9, 8, 7])).astype(np.uint8)
    return Image.fromarray(rgb), {"transparency": (9, 8, 7)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "P, many", "L", "I;16", "RGB"])
def test_transparent_is_white(tmp_path, mode):
    """Alpha channels, palettes and single transparent colours alike: black strokes on white, not black on black."""
    image, options = stroke(mode)
    image.save(tmp_path / "a.png", **options)
    found = np.asarray(picture(str(tmp_path / "a.png")).convert("L"))
    ink = np.zeros((20, 20), dtype=bool)
    ink[9:12, 2:18] = True
    assert (found[ink] == 0).all()
    assert (found[~ink] == 255).all()


def test_half_transparent_is_half_white(tmp_path):
    """Mixed with the page, as a browser does."""
    Image.new("RGBA", (4, 4), (200, 0, 0, 128)).save(tmp_path / "a.png")
    assert np.abs(seen(tmp_path / "a.png") - [227, 127, 127]).max() <= 1


def test_sixteen_bits_are_scaled(tmp_path):
    """Not clipped to white: 65,535 is white."""
    levels = np.linspace(0, 65535, 256).reshape(16, 16).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    assert is_grey(str(tmp_path / "a.png"))
    assert (seen(tmp_path / "a.png").reshape(-1) == np.arange(256)).all()


def test_sixteen_bits_of_colour(tmp_path):
    """PNG holds them, Pillow gives eight of them, and nothing is clipped."""
    rows = b"".join(b"\0" + struct.pack(">3H", 65535, 32768, 0) * 4 for _ in range(4))
    (tmp_path / "a.png").write_bytes(png(struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0), rows))
    assert (seen(tmp_path / "a.png") == [255, 128, 0]).all()


def test_print_colours_bits_and_the_first_frame(tmp_path):
    """CMYK as Adobe writes it (inverted), one bit per pixel, and animations by their first frame."""
    scene("CMYK").save(tmp_path / "print.jpg", quality=100)
    assert np.abs(seen(tmp_path / "print.jpg") - np.asarray(scene())).mean() < 12
    scene("1").save(tmp_path / "bits.png")
    assert set(np.unique(seen(tmp_path / "bits.png"))) == {0, 255}
    frames = [scene(), Image.new("RGB", (24, 16), "black")]
    for ending, options in (("gif", {}), ("webp", {"lossless": True}), ("png", {})):
        path = tmp_path / f"moving.{ending}"
        frames[0].save(path, save_all=True, append_images=frames[1:], **options)
        assert np.abs(seen(path) - np.asarray(scene())).mean() < 3


def test_broken_and_oversized_files_are_named(tmp_path):
    """One sentence with the file's name, whoever wanted to see it."""
    scene().save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:60])
    (tmp_path / "bomb.png").write_bytes(png(struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0), b""))
    parts = {
        "cut.png": "cannot be opened",
        "bomb.png": "178,956,970 pixels, too many to decode safely). Make it smaller.",
        "gone.png": "No such file",
    }
    for name, part in parts.items():
        with pytest.raises(EncoderError, match=name) as caught:
            picture(str(tmp_path / name))
        assert part in str(caught.value)
    with pytest.raises(EncoderError, match=r"bomb\.png"):
        size_of(str(tmp_path / "bomb.png"))


def same_picture(folder):
    """The same scene in ten files, and another one; returns their paths, the other last."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    ways = {
        "plain.png": (scene(), {}),
        "turned.png": (scene().transpose(Image.Transpose.ROTATE_90), {"exif": exif}),
        "alpha.png": (scene("RGBA"), {}),
        "palette.png": (scene().quantize(), {}),
        "photo.jpg": (scene(), {"quality": 100, "subsampling": 0}),
        "turned.jpg": (
            scene().transpose(Image.Transpose.ROTATE_90),
            {"quality": 100, "subsampling": 0, "exif": exif},
        ),
        "lossless.webp": (scene(), {"lossless": True}),
        "one.gif": (scene().quantize(), {}),
        "map.bmp": (scene(), {}),
    }
    for name, (image, options) in ways.items():
        image.save(folder / name, **options)
    scene().transpose(Image.Transpose.ROTATE_180).save(folder / "other.png")
    return [str(folder / name) for name in (*ways, "other.png")]


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


@pytest.mark.parametrize("name", ["pixels", "transformers"])
def test_the_same_picture_has_the_same_embedding(tmp_path, model, name):
    """However its file says it, and another picture has another."""
    paths = same_picture(tmp_path)
    encoder = encoder_of(name, model)
    encoder.fit(paths)
    cosines = encoder.encode(paths) @ encoder.encode(paths[:1])[0]
    assert (cosines[:-1] > 0.995).all(), cosines
    assert cosines[-1] < 0.99


@pytest.mark.parametrize("name", ["pixels", "transformers"])
@pytest.mark.parametrize("kind", ["alpha", "grey16"])
def test_different_pictures_have_different_embeddings(tmp_path, model, name, kind):
    """Icons on nothing and deep grey levels were all one picture, black or white."""
    rng = np.random.default_rng(0)
    paths = []
    for i in range(12):
        paths.append(str(tmp_path / f"{i}.png"))
        ink = rng.random((16, 16)) < 0.3
        if kind == "alpha":
            Image.fromarray(np.dstack([np.zeros((16, 16, 3)), ink * 255]).astype(np.uint8)).save(paths[-1])
        else:
            Image.fromarray((2000 + 40_000 * ink).astype(np.uint16)).save(paths[-1])
    encoder = encoder_of(name, model)
    encoder.fit(paths)
    rows = encoder.encode(paths)
    assert rows.any(axis=1).all()
    assert len(np.unique(rows.round(4), axis=0)) == 12


def test_a_thumbnail_shows_the_same(tmp_path):
    """Upright and on white, also from a draft of a large photograph."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    wide = scene(size=(24, 16)).resize((960, 640), Image.Resampling.NEAREST)
    wide.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "a.jpg", exif=exif)
    stroke("RGBA")[0].save(tmp_path / "b.png")
    made = thumbnails([str(tmp_path / "a.jpg"), str(tmp_path / "b.png")], 100_000)
    shown = [Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) for uri in made.values()]
    assert shown[0].size == (64, 43)
    assert np.asarray(shown[0]).astype(int)[2, 2, 0] > 150  # the red corner
    assert shown[1].convert("L").getpixel((1, 1)) > 240


def test_the_size_of_a_turned_photograph(tmp_path):
    """What people see of it, from the header alone."""
    exif = Image.Exif()
    exif[ORIENTATION] = 8
    Image.new("RGB", (10, 30)).save(tmp_path / "a.jpg", exif=exif)
    assert median_size([str(tmp_path / "a.jpg")]) == (30, 10)
