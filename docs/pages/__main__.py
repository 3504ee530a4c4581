"""`python -m docs.pages` writes docs/reference anew: what `make reference` runs."""

from __future__ import annotations

from docs.pages.index import FOLDER, pages


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.md"):
        old.unlink()
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"wrote docs/reference/{name}")


if __name__ == "__main__":
    main()
