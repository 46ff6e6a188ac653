"""`python -m todo` and `todo`."""

from __future__ import annotations

from todo.cli import main

if __name__ == "__main__":
    main()
