"""Makes it harmless to send one form twice."""

from __future__ import annotations

from collections import OrderedDict

from dovetail import new_id

#: Forms that are remembered.
MOST = 1000
#: Characters in the name of a form; ours are UUIDs.
FORM_LENGTH = 36


class FormIds:
    """The id of each item that was sent lately, by the form that it came from.

    A double click, or a second try after the queue did not answer, sends the same text from the same
    form. It gets the same id, and the queue keeps one copy.
    """

    def __init__(self) -> None:
        self._ids: OrderedDict[tuple[str, str], str] = OrderedDict()

    def id_for(self, form: str, text: str) -> str:
        """The id of this text from this form; a new one where either is new."""
        if not 0 < len(form) <= FORM_LENGTH:
            return new_id()
        found = self._ids.setdefault((form, text), new_id())
        if len(self._ids) > MOST:
            self._ids.popitem(last=False)
        return found
