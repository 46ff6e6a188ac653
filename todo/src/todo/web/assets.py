"""Static files, served from memory. Their address changes when any of them does."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from todo.web.script_bundle import bundled

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_FOREVER = "public, max-age=31536000, immutable"
#: A line of a script that is nothing but a comment. They are a fifth of what a page loads, compressed.
_COMMENT = re.compile(rb"^[ \t]*//.*$", re.MULTILINE)
#: Served from the root: a service worker is responsible for the paths below its own.
_SERVICE_WORKER = "service-worker.js"
SERVICE_WORKER = f"/{_SERVICE_WORKER}"
#: What the list's scripts begin with, and those of what listens for all tabs.
BUNDLES = ("main.js", "live-worker.js")
#: What stands in for the list where the server cannot be reached.
OFFLINE = "/offline"


@dataclass(frozen=True)
class Asset:
    """One file."""

    content_type: str
    plain: bytes
    packed: bytes


class Assets:
    """Every file of the static folder that a page may ask for.

    They are below one folder, named by the digest of them all, where they are in the static folder: so
    scripts find each other by relative addresses.
    """

    def __init__(self) -> None:
        paths = [path for path in sorted(_FOLDER.rglob("*")) if path.suffix in _TYPES]
        contents = _with_bundles({path: _read(path) for path in paths})
        self._digest = _digest_of(contents)
        self._by_name: dict[str, Asset] = {}
        self._addresses: dict[str, str] = {}
        for path, content in contents.items():
            name = f"{self._digest}/{path.relative_to(_FOLDER).as_posix()}"
            self._by_name[name] = _asset(path, content)
            self._addresses[path.name] = f"/static/{name}"
        assert len(self._addresses) == len(contents), "two files of one name"
        self._service_worker = _asset(
            _FOLDER / _SERVICE_WORKER, self._kept_files() + contents[_FOLDER / _SERVICE_WORKER]
        )

    def address(self, name: str) -> str:
        """Where a page finds the file of this name, whatever folder it is in."""
        return self._addresses[name]

    async def serve(self, request: Request) -> Response:
        """The endpoint of `/static/{name:path}`."""
        asset = self._by_name.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        return _answer(request, asset, _FOREVER)

    async def serve_worker(self, request: Request) -> Response:
        """The endpoint of `/service-worker.js`, which a browser asks for anew each time."""
        return _answer(request, self._service_worker, "no-cache")

    def _kept_files(self) -> bytes:
        """What the service worker is told at its beginning: all that the list needs without a server.

        The browser has just loaded it with the page; nothing else is fetched for this.
        """
        needed = [
            address
            for name, address in self._addresses.items()
            if name in BUNDLES or name.endswith((".css", ".svg"))
        ]
        files = [OFFLINE, *needed]
        kept = {"name": self._digest, "offline": OFFLINE, "files": files}
        return f"const KEPT = {json.dumps(kept)};\n".encode()


def _read(path: Path) -> bytes:
    content = path.read_bytes()
    return _COMMENT.sub(b"", content) if path.parent.name == "js" else content


def _with_bundles(contents: dict[Path, bytes]) -> dict[Path, bytes]:
    """The scripts that a page or a worker begins with have in them what they import."""
    folder = _FOLDER / "js"
    sources = {path.name: text.decode() for path, text in contents.items() if path.parent == folder}
    return contents | {folder / name: bundled(name, sources).encode() for name in BUNDLES}


def _digest_of(contents: dict[Path, bytes]) -> str:
    digest = hashlib.sha256()
    for path, content in contents.items():
        digest.update(f"{path.relative_to(_FOLDER)}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]


def _asset(path: Path, content: bytes) -> Asset:
    return Asset(_TYPES[path.suffix], content, gzip.compress(content, mtime=0))


def _answer(request: Request, asset: Asset, caching: str) -> Response:
    headers = {
        "Content-Type": asset.content_type,
        "Cache-Control": caching,
        "Vary": "Accept-Encoding",
    }
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(asset.plain, headers=headers)
    return Response(asset.packed, headers=headers | {"Content-Encoding": "gzip"})
