"""Reads a file of any format that can be imported."""

from __future__ import annotations

import codecs

from todo.files import csv_rows, json_document, markdown_list, todoist_csv
from todo.files.drafts import Contents, WrongFile
from todo.quick_add import Parser

#: Bytes of one file.
MAX_FILE = 20 * 1024 * 1024
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_file(content: bytes, reader: Parser) -> Contents:
    """What it holds; WrongFile. What kind it is shows in what stands in it, whatever its name."""
    text = _decoded(content)
    start = text.lstrip()[:1]
    if start in ("{", "["):
        return json_document.read(text)
    if not start:
        raise WrongFile("This file is empty.")
    names, _ = csv_rows.table(text.lstrip().split("\n", 1)[0])
    if set(names) >= todoist_csv.COLUMNS:
        return todoist_csv.read(text.lstrip(), reader)
    if "item" in names:
        return csv_rows.read(text.lstrip())
    found = markdown_list.read(text)
    if not found.drafts:
        raise WrongFile(
            "This is no file that can be read: JSON, CSV with a column item, Markdown with a list, or "
            "Todoist's CSV."
        )
    return found


def _decoded(content: bytes) -> str:
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise WrongFile("This file is no text in UTF-8.") from error
