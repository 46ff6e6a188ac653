"""What the embedded server's log warns of, in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from dovetail.embedded.server_log import ServerLog, complaint


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[1] 2026/01/02 03:04:05 [INF] Server is ready", None),
        ("[1] x [WRN] Plaintext passwords detected, use nkeys or bcrypt", None),
        (
            "[1] x [WRN] Filestore [s] Stream state outdated, last block has more, will rebuild",
            None,
        ),
        (
            "[1] x [ERR] Filestore [s] Critical write error: write /a/1.blk: no space left on device",
            "cannot write its store: no space left on device",
        ),
        (
            "[1] x [WRN] Filestore [s] indexCacheBuf corrupt record state in /a/1.blk: dlen 1",
            "a file of the queue's store is damaged",
        ),
        ("[1] x [WRN] JetStream resource limits exceeded for server", "had room for"),
        ("[1] x [ERR] something that nobody knows", "the queue server says: something that nobody"),
        ("no line of its own", None),
    ],
)
def test_what_is_said(line: str, said: str | None) -> None:
    found = complaint(line)
    assert (found is None) if said is None else (found is not None and said in found.text)


def test_it_is_read_on_from_where_it_was_also_in_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_text("[1] x [ERR] old\n")
    log = ServerLog(path, path.stat().st_size)
    assert not list(log.complaints())
    with path.open("a") as file:
        file.write("[1] x [ERR] first\n[1] x [ERR] sec")
    assert [one.text for one in log.complaints()] == ["the queue server says: first"]
    with path.open("a") as file:
        file.write("ond\n[1] x [ERR] first\n")
    assert [one.text for one in log.complaints()] == ["the queue server says: second"]
    path.rename(tmp_path / "older.log")
    assert not list(log.complaints())
    path.write_text("[1] x [ERR] third\n")
    assert [one.text for one in log.complaints()] == ["the queue server says: third"]
