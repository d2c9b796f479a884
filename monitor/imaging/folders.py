"""Which files of a folder are there to be taken in."""

from pathlib import Path

#: What copying programs and desktops leave behind.
_PASSED_OVER = (".part", ".tmp", ".crdownload", ".partial", "thumbs.db", "desktop.ini")


def files_below(folder: Path) -> list[Path]:
    """All files below it by name, but for links and what is passed over."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(path for path in found if not passed_over(path.relative_to(folder)))


def passed_over(path: Path) -> bool:
    """Whether a file, by its path below the folder that is looked through, is hidden or not finished yet."""
    hidden = any(part.startswith((".", "~")) for part in path.parts)
    return hidden or path.name.lower().endswith(_PASSED_OVER)
