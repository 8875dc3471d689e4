"""Qdrant's REST interface, as far as this program uses it, in front of the engine itself (qdrant-edge-py, in process).

No Qdrant server can be installed from PyPI, so this stands in for one: requests come from the real client, answers from
the real engine. ``python tests/retrieval/qdrant_server.py --folder DIR`` starts it for measurements.
"""

from __future__ import annotations

import argparse
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import qdrant_edge as edge

KINDS = {"keyword": edge.PayloadSchemaType.Keyword, "integer": edge.PayloadSchemaType.Integer}


class NotFound(Exception):
    """No such collection."""


class Engine:
    """Collections as shards in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards: dict[str, edge.EdgeShard] = {}
        self.lock = threading.Lock()
        self.requests: list[tuple[str, str, Any]] = []  # method, path, body; for tests of what is sent
        self.keys: set[str | None] = set()  # API keys that were sent

    def answer(self, method: str, path: str, body: Any) -> Any:
        """The ``result`` of a request."""
        parts = [part for part in path.split("/") if part]
        name, what = (parts[1] if len(parts) > 1 else ""), "/".join(parts[2:])
        with self.lock:
            self.requests.append((method, path, body))
            if not name:
                return {"collections": [{"name": each} for each in sorted(self.shards)]}
            if what == "exists":
                return {"exists": name in self.shards}
            if not what:
                return self.create(name, body) if method == "PUT" else self.drop(name)
            if name not in self.shards:
                raise NotFound(name)
            return getattr(self, f"{method}_{what}".replace("/", "_").lower())(self.shards[name], body)

    def create(self, name: str, body: Any) -> bool:
        sparse = {
            each: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf if given.get("modifier") == "idf" else None)
            for each, given in body["sparse_vectors"].items()
        }
        dense = {each: edge.EdgeVectorParams(given["size"], getattr(edge.Distance, given["distance"])) for each, given in body["vectors"].items()}  # fmt: skip
        path = self.folder / name
        path.mkdir(parents=True)
        self.shards[name] = edge.EdgeShard.create(str(path), edge.EdgeConfig(vectors=dense, sparse_vectors=sparse))
        return True

    def drop(self, name: str) -> bool:
        shard = self.shards.pop(name, None)
        if shard is not None:
            shard.close()
            shutil.rmtree(self.folder / name)
        return shard is not None

    def put_index(self, shard: edge.EdgeShard, body: Any) -> Any:
        shard.update(edge.UpdateOperation.create_field_index(body["field_name"], KINDS[body["field_schema"]]))
        return done()

    def put_points(self, shard: edge.EdgeShard, body: Any) -> Any:
        points = [edge.Point(each["id"], {name: vector(value) for name, value in each["vector"].items()}, each["payload"]) for each in body["points"]]  # fmt: skip
        shard.update(edge.UpdateOperation.upsert_points(points))
        return done()

    def post_points_delete(self, shard: edge.EdgeShard, body: Any) -> Any:
        shard.update(edge.UpdateOperation.delete_points_by_filter(condition(body["filter"])))
        return done()

    def post_points_payload(self, shard: edge.EdgeShard, body: Any) -> Any:
        shard.update(edge.UpdateOperation.set_payload_by_filter(condition(body["filter"]), body["payload"]))
        return done()

    def post_points(self, shard: edge.EdgeShard, body: Any) -> Any:
        found = shard.retrieve(body["ids"], with_payload=True, with_vector=False)
        return [{"id": each.id, "payload": each.payload} for each in found]

    def post_facet(self, shard: edge.EdgeShard, body: Any) -> Any:
        found = shard.facet(edge.FacetRequest(key=body["key"], limit=body["limit"], exact=body["exact"]))
        return {"hits": [{"value": getattr(hit.value, "_0", hit.value), "count": hit.count} for hit in found.hits]}

    def post_points_query(self, shard: edge.EdgeShard, body: Any) -> Any:
        prefetches = [
            edge.Prefetch(limit=each["limit"], filter=condition(each["filter"]), query=edge.Query.Nearest(vector(each["query"]), using=each["using"]))
            for each in body.get("prefetch") or []
        ]  # fmt: skip
        asked = body["query"]
        if prefetches:
            query = edge.Fusion.Rrf(k=asked["rrf"]["k"])
        else:
            query = edge.Query.Nearest(vector(asked.get("nearest", asked) if isinstance(asked, dict) else asked), using=body["using"])  # fmt: skip
        shown = None if body.get("filter") is None else condition(body["filter"])
        found = shard.query(edge.QueryRequest(limit=body["limit"], query=query, prefetches=prefetches, filter=shown))
        return {"points": [{"id": each.id, "version": 0, "score": each.score} for each in found]}


def done() -> dict[str, Any]:
    return {"operation_id": 0, "status": "completed"}


def vector(value: Any) -> Any:
    return edge.SparseVector(value["indices"], value["values"]) if isinstance(value, dict) else value


def condition(given: Any) -> edge.Filter:
    must = []
    for each in given["must"]:
        match, between = each.get("match"), each.get("range")
        if between is not None:
            limits = {name: value for name, value in between.items() if value is not None}
            must.append(edge.FieldCondition(each["key"], range=edge.RangeFloat(**limits)))
        else:
            found = edge.MatchAny(match["any"]) if "any" in match else edge.MatchValue(match["value"])
            must.append(edge.FieldCondition(each["key"], match=found))
    return edge.Filter(must=must)


class Handler(BaseHTTPRequestHandler):
    """Reads a request, asks the engine, writes its answer."""

    protocol_version = "HTTP/1.1"
    engine: Engine
    api_key: str | None = None

    def handle_any(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = self.headers.get("api-key")
        self.engine.keys.add(sent)
        status, value = 200, {}
        if self.api_key is not None and sent != self.api_key:
            status, value = 401, {"status": {"error": "Must provide an API key"}}
        else:
            try:
                path = urlsplit(self.path).path
                value = {"result": self.engine.answer(self.command, path, json.loads(raw) if raw else None), "status": "ok", "time": 0.0}  # fmt: skip
            except NotFound as error:
                status, value = 404, {"status": {"error": f"Not found: Collection `{error}` doesn't exist!"}}
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_DELETE = handle_any

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(folder: Path, *, port: int = 0, api_key: str | None = None) -> Iterator[tuple[str, Engine]]:
    """A server on this machine; yields its address and the engine behind it."""
    engine = Engine(folder)
    handler = type("BoundHandler", (Handler,), {"engine": engine, "api_key": api_key})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", engine
    finally:
        server.shutdown()
        server.server_close()
        for name in list(engine.shards):
            engine.drop(name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=6333)
    given = parser.parse_args()
    with serving(given.folder, port=given.port) as (address, _):
        print(address, flush=True)
        threading.Event().wait()
