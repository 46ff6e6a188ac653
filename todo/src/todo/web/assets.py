"""Static files, served from memory under addresses that change with their content."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """One file."""

    content_type: str
    plain: bytes
    packed: bytes


class Assets:
    """Every file of the static folder that a page may ask for."""

    def __init__(self) -> None:
        self._by_name: dict[str, Asset] = {}
        self._addresses: dict[str, str] = {}
        for path in sorted(_FOLDER.rglob("*")):
            if path.suffix in _TYPES:
                self._add(path)

    def _add(self, path: Path) -> None:
        content = path.read_bytes()
        name = f"{path.stem}.{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"
        packed = gzip.compress(content, mtime=0)
        self._by_name[name] = Asset(_TYPES[path.suffix], content, packed)
        self._addresses[path.name] = f"/static/{name}"

    def address(self, name: str) -> str:
        """Where a page finds the file of this name."""
        return self._addresses[name]

    async def serve(self, request: Request) -> Response:
        """The endpoint of `/static/{name}`."""
        asset = self._by_name.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        headers = {
            "Content-Type": asset.content_type,
            "Cache-Control": _FOREVER,
            "Vary": "Accept-Encoding",
        }
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(asset.plain, headers=headers)
        return Response(asset.packed, headers=headers | {"Content-Encoding": "gzip"})
