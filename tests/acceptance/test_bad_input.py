"""What may go wrong with files, settings, weights and the database: each is a sentence, and nothing is lost."""

import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Reply, crackmonitor, crackmonitor_program
from photographs import FIRST_DAY, Place, hundred_megapixels
from PIL import Image

from monitor.storage.database import Database
from simulations.scenarios import save_photo

LOCATION = "north-wall"
NOBODY = 65534

#: File name -> part of the reason that people are told.
BAD_FILES = {
    "zero.jpg": "is empty (0 bytes). Copy it again",
    "truncated.jpg": "is damaged or incomplete",
    "huge.png": "has 100.0 megapixels, more than the 64 allowed. Save it smaller, or raise max_megapixels",
    "drawing.gif": "does not contain a picture of an accepted format, whatever its name says. Send one of JPEG",
    "letter.jpg": "does not contain a picture of an accepted format, whatever its name says. Send one of JPEG",
}


@pytest.fixture
def good(here: Path, place: Place) -> Path:
    """A sound photo."""
    return place.series(here / "good", np.array([4.0]), 0)[0]


@pytest.fixture
def bad(here: Path, good: Path) -> Path:
    """A folder with one of each of `BAD_FILES`."""
    folder = here / "bad"
    folder.mkdir()
    content = good.read_bytes()
    (folder / "zero.jpg").touch()
    (folder / "truncated.jpg").write_bytes(content[: len(content) // 3])
    (folder / "huge.png").write_bytes(hundred_megapixels())
    Image.new("RGB", (300, 200), "grey").save(folder / "drawing.gif")
    (folder / "letter.jpg").write_text("Dear engineer, the crack is longer than last year.", encoding="utf-8")
    return folder


@pytest.fixture
def located(workspace: Path) -> Path:
    """A workspace with one site and one location."""
    assert crackmonitor("site", "add", "Town hall", "--workspace", workspace).status == 0
    assert crackmonitor("location", "add", LOCATION, "--site", "Town hall", "--workspace", workspace).status == 0
    return workspace


def ingest(workspace: Path, *words: object) -> dict[str, Any]:
    return crackmonitor("ingest", *words, "--workspace", workspace, "--json").result


def kept(workspace: Path) -> set[str]:
    """Hashes of all files that are kept as originals, in quarantine, or still in the inbox."""
    folders = [workspace / name for name in ("originals", "quarantine", "inbox")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("name", BAD_FILES)
def test_analyse_rejects_a_bad_file_with_a_reason(workspace: Path, good: Path, bad: Path, name: str) -> None:
    for words in ((bad / name,), (good, "--reference", bad / name)):
        result = crackmonitor("analyse", *words, "--workspace", workspace, "--json").result
        assert result["status"] == "rejected"
        assert BAD_FILES[name] in result["reason"]
        assert (result["crack_probability"], result["severity"], result["registration"]) == (None, None, None)
        assert result["files"] == {"mask": None, "relevance": None, "overlay": None}
        assert result["recipe"]["fingerprint"]


@pytest.mark.parametrize("name", BAD_FILES)
def test_register_refuses_a_bad_file_with_a_reason(good: Path, bad: Path, name: str) -> None:
    for pair in ((good, bad / name), (bad / name, good)):
        result = crackmonitor("register", *pair, "--json").result
        assert (result["accepted"], result["matrix"]) == (False, None)
        assert BAD_FILES[name] in result["reason"]


@pytest.mark.parametrize("name", BAD_FILES)
def test_measure_has_no_answer_to_a_bad_file_and_says_why(bad: Path, name: str) -> None:
    refused = crackmonitor("measure", bad / name, "--json")
    assert refused.status == 1
    assert BAD_FILES[name] in refused.sentence


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_cannot_be_a_reference(located: Path, bad: Path, name: str) -> None:
    chosen = crackmonitor("location", "reference", LOCATION, bad / name, "--workspace", located)
    assert chosen.status == 2
    assert BAD_FILES[name] in chosen.sentence
    add = ("location", "add", "other-wall", "--site", "Town hall", "--reference", bad / name)
    assert BAD_FILES[name] in crackmonitor(*add, "--workspace", located).sentence
    listed = crackmonitor("location", "list", "--workspace", located, "--json").result["locations"]
    assert [location["name"] for location in listed] == [LOCATION]


def test_ingest_quarantines_a_bad_file_with_its_reason(located: Path, good: Path, bad: Path) -> None:
    result = ingest(located, bad, good, "--location", LOCATION)
    assert result["accepted"] == [str(good)]
    assert {refusal["file"] for refusal in result["rejected"]} == {str(bad / name) for name in BAD_FILES}
    for refusal in result["rejected"]:
        path = Path(refusal["file"])
        assert BAD_FILES[path.name] in refusal["reason"]
        (quarantined,) = (located / "quarantine" / LOCATION).glob(f"*{path.name}")
        assert quarantined.read_bytes() == path.read_bytes()
        assert quarantined.with_name(quarantined.name + ".reason.txt").read_text().strip() == refusal["reason"]


def test_the_words_name_every_refused_file(located: Path, bad: Path) -> None:
    words = crackmonitor("ingest", bad, "--location", LOCATION, "--workspace", located)
    assert words.status == 0
    first, *reasons = words.out.splitlines()
    assert first == "0 accepted, 0 duplicate(s), 0 waiting, 5 rejected"
    assert len(reasons) == 5
    for name, part in BAD_FILES.items():
        assert any(str(bad / name) in line and part in line for line in reasons)


def test_a_limit_raised_as_advised_lets_the_file_in(located: Path, bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ingest(located, bad / "huge.png", "--location", LOCATION)["rejected"]
    monkeypatch.setenv("CRACKMONITOR_INGEST__MAX_MEGAPIXELS", "120")
    assert ingest(located, bad / "huge.png", "--location", LOCATION)["accepted"] == [str(bad / "huge.png")]


def test_a_file_that_is_absent_or_a_folder_is_misuse(here: Path, located: Path, good: Path) -> None:
    for path in (here / "absent.jpg", here):
        for words in (("analyse", path), ("analyse", good, "--reference", path), ("measure", path)):
            refused = crackmonitor(*words, "--workspace", located)
            assert (refused.status, refused.sentence) == (
                2,
                f"There is no file {path}. Check the name and the folder.",
            )
        assert crackmonitor("register", path, good).status == 2
    scale = ("location", "scale", LOCATION, "--photo", here / "absent.jpg", "--marker-mm", 50)
    assert crackmonitor(*scale, "--workspace", located).status == 2


def test_a_file_name_in_no_known_encoding_is_told_all_the_same(
    here: Path, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = here / os.fsdecode(b"mauer_\xfc.jpg")
    try:
        strange.touch()
    except OSError:
        pytest.skip("this file system takes no such name")
    assert "is empty" in crackmonitor("register", good, strange, "--json").result["reason"]
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")  # as in most places, though not in the C locale
    told = crackmonitor_program("register", good, strange, folder=here)
    assert (told.status, told.err) == (0, "")
    assert "is empty" in told.out


def test_the_worker_goes_on_after_bad_files_and_nothing_is_lost(
    located: Path, here: Path, bad: Path, place: Place, another_place: Place
) -> None:
    inbox = located / "inbox" / LOCATION
    for path in place.series(here / "series", np.array([4.0, 5.0]), 30):
        shutil.copy2(path, inbox)
    shutil.copy2(inbox / "capture_01.jpg", inbox / "capture_01_again.jpg")
    save_photo(inbox / "elsewhere.jpg", another_place.photo(opening_px=5), FIRST_DAY + timedelta(days=40), 95)
    for path in bad.iterdir():
        shutil.copy2(path, inbox)
    dropped = kept(located)

    first = crackmonitor("worker", "--once", "--workspace", located, "--json").result
    assert len(first["intake"]["waiting"]) == 9
    second = crackmonitor_program("worker", "--once", "--workspace", located, "--json", folder=here)
    assert "Traceback" not in second.err
    intake = second.result["intake"]
    assert {Path(path).name for path in intake["accepted"]} == {"capture_00.jpg", "capture_01.jpg", "elsewhere.jpg"}
    assert [Path(path).name for path in intake["duplicates"]] == ["capture_01_again.jpg"]
    assert {Path(refusal["file"]).name for refusal in intake["rejected"]} == set(BAD_FILES)
    assert second.result["analysed"] == 3
    assert list(inbox.iterdir()) == []
    assert dropped <= kept(located)

    reasons = {
        left_out["file"]: left_out["reason"]
        for left_out in crackmonitor("growth", LOCATION, "--workspace", located, "--json").result["excluded"]
    }
    assert reasons.pop("elsewhere.jpg").startswith("not registered: ")
    assert set(reasons) == set(BAD_FILES)
    assert all(BAD_FILES[name] in reason for name, reason in reasons.items())


def test_one_photo_belongs_to_one_location(located: Path, good: Path) -> None:
    assert ingest(located, good, "--location", LOCATION)["accepted"]
    result = ingest(located, good, "--location", "other-wall", "--create")
    (refusal,) = result["rejected"]
    assert "belongs to the location" in refusal["reason"]
    assert len(list((located / "quarantine" / "other-wall").glob(f"*{good.name}"))) == 1


def test_a_folder_for_an_unknown_location_keeps_its_photos_waiting(located: Path, good: Path) -> None:
    dropped = located / "inbox" / "south-wall" / good.name
    dropped.parent.mkdir()
    shutil.copy2(good, dropped)
    for _ in range(3):
        worked = crackmonitor("worker", "--once", "--workspace", located, "--json").result
        assert worked["intake"]["waiting"] == [str(dropped)]
    assert crackmonitor("location", "add", "south-wall", "--site", "Town hall", "--workspace", located).status == 0
    rounds = [ingest(located)["accepted"] for _ in range(2)]
    assert [str(dropped)] in rounds


def test_a_missing_scale_is_said_with_what_to_do(located: Path) -> None:
    assert "crackmonitor location scale" in crackmonitor("growth", LOCATION, "--workspace", located).out
    refused = crackmonitor("location", "scale", LOCATION, "--workspace", located)
    assert refused.status == 2
    assert refused.sentence == "Give --mm-per-px, or --points with --distance-mm, or --photo with --marker-mm."


def calls_with_settings(workspace: Path, photo: Path) -> Iterator[Reply]:
    """Every kind of command that reads the settings."""
    yield crackmonitor("analyse", photo, "--workspace", workspace, "--json")
    yield crackmonitor("register", photo, photo, "--workspace", workspace, "--json")
    yield crackmonitor("measure", photo, "--workspace", workspace, "--json")
    yield from calls_with_database(workspace, photo)


def calls_with_database(workspace: Path, photo: Path) -> Iterator[Reply]:
    """Every kind of command that needs the database."""
    yield crackmonitor("ingest", photo, "--location", LOCATION, "--workspace", workspace, "--json")
    yield crackmonitor("growth", LOCATION, "--workspace", workspace, "--json")
    yield crackmonitor("worker", "--once", "--workspace", workspace, "--json")
    yield crackmonitor("site", "list", "--workspace", workspace, "--json")
    yield crackmonitor("location", "list", "--workspace", workspace, "--json")
    yield crackmonitor("dashboard", "--workspace", workspace)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"[analysis\ndevice = ", "cannot be read"),
        (b'device = "\xff"', "cannot be read"),
        (b'[analysis]\ndevise = "cpu"', "'analysis.devise'"),
        (b'[analysis]\nbatch_size = "many"', "'analysis.batch_size'"),
        (b"analysis = 3", "'analysis'"),
    ],
)
def test_unreadable_settings_are_misuse_and_the_place_is_named(
    workspace: Path, good: Path, content: bytes, part: str
) -> None:
    (workspace / "crackmonitor.toml").write_bytes(content)
    for refused in calls_with_settings(workspace, good):
        assert refused.status == 2
        assert str(workspace / "crackmonitor.toml") in refused.sentence
        assert part in refused.sentence


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("CRACKMONITOR_ANALYSIS__DEVICE", "abacus", "'analysis.device': Input should be 'auto'"),
        ("CRACKMONITOR_ANALYSIS", "fast", "CRACKMONITOR_ANALYSIS__DEVICE=cpu"),
    ],
)
def test_settings_from_the_environment_are_checked_too(
    here: Path, workspace: Path, good: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, part: str
) -> None:
    monkeypatch.setenv(name, value)
    for refused in (
        *calls_with_settings(workspace, good),
        crackmonitor("measure", good),
        crackmonitor("analyse", good),
    ):
        assert refused.status == 2
        assert part in refused.sentence


def test_a_folder_that_is_no_workspace_says_how_to_make_one(here: Path, good: Path) -> None:
    for refused in calls_with_database(here, good):
        assert refused.status == 2
        assert f"Make one with 'crackmonitor init {here}'." in refused.sentence


@pytest.fixture
def own_weights(weights: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights file of a copy that may be spoilt, named by the environment."""
    folder = Path(shutil.copytree(weights.parent, here / "weights"))
    monkeypatch.setenv("CRACKMONITOR_ANALYSIS__WEIGHTS", str(folder / weights.name))
    return folder / weights.name


def test_absent_or_altered_weights_stop_the_analysis_and_the_photos_wait(
    own_weights: Path, located: Path, good: Path
) -> None:
    content = own_weights.read_bytes()
    ingest(located, good, "--location", LOCATION)

    own_weights.unlink()
    for words in (("worker", "--once"), ("analyse", good)):
        refused = crackmonitor(*words, "--workspace", located, "--json")
        assert refused.status == 1
        assert f"The weights file {own_weights} is absent or unreadable" in refused.sentence
        assert "'analysis.weights' in the settings" in refused.sentence

    own_weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    for words in (("worker", "--once"), ("analyse", good)):
        refused = crackmonitor(*words, "--workspace", located, "--json")
        assert refused.status == 1
        assert f"The weights file {own_weights} is not the one its manifest describes" in refused.sentence

    own_weights.write_bytes(content)
    assert crackmonitor("worker", "--once", "--workspace", located, "--json").result["analysed"] == 1


def test_a_spoilt_manifest_of_weights_stops_the_analysis(own_weights: Path, good: Path) -> None:
    manifest = own_weights.with_name("weights.toml")
    content = manifest.read_text(encoding="utf-8")
    for spoilt in ("[dark", content.replace("temperature", "temper"), content.replace("vgg11", "vgg19")):
        manifest.write_text(spoilt, encoding="utf-8")
        refused = crackmonitor("analyse", good, "--json")
        assert refused.status == 1
        assert str(manifest) in refused.sentence
    manifest.unlink()
    assert str(manifest) in crackmonitor("analyse", good, "--json").sentence


def test_a_locked_database_is_said_and_the_photos_wait(
    located: Path, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Database.__init__.__kwdefaults__, "busy_seconds", 0.05)
    dropped = located / "inbox" / LOCATION / good.name
    shutil.copy2(good, dropped)
    with closing(sqlite3.connect(located / "crackmonitor.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        for refused in calls_with_database(located, good):
            assert refused.status == 1
            assert "locked. Another program is writing to it: try again, or stop that program." in refused.sentence
    assert dropped.read_bytes() == good.read_bytes()
    rounds = [crackmonitor("worker", "--once", "--workspace", located, "--json").result for _ in range(2)]
    assert [done["analysed"] for done in rounds] == [0, 1]


def test_a_read_only_database_is_said_and_the_photos_wait(here: Path, made: Path, good: Path) -> None:
    with _open_to_all(made) as workspace:
        assert crackmonitor("ingest", good, "--location", LOCATION, "--create", "--workspace", workspace).status == 0
        dropped = workspace / "inbox" / LOCATION / good.name
        shutil.copy2(good, dropped)
        photo = Path(shutil.copy2(good, workspace / "photo.jpg"))
        _import_everything(workspace, here)
        (workspace / "crackmonitor.db").chmod(0o444)
        with _as_nobody():
            for refused in calls_with_database(workspace, photo):
                assert refused.status == 1
                assert "readonly database. Give this user the right to write the file" in refused.sentence
            examined = crackmonitor("doctor", "--workspace", workspace, "--json").result
        failed = {check["name"]: check["detail"] for check in examined["checks"] if not check["ok"]}
        assert "readonly database" in failed["database"]
        assert "Permission denied" in failed["write access to inbox"]
        assert dropped.read_bytes() == good.read_bytes()


def test_settings_that_may_not_be_read_are_said(made: Path, good: Path) -> None:
    with _open_to_all(made) as workspace:
        (workspace / "crackmonitor.toml").chmod(0o000)
        with _as_nobody():
            refused = crackmonitor("growth", LOCATION, "--workspace", workspace)
        assert refused.status == 2
        assert f"The settings file {workspace / 'crackmonitor.toml'} cannot be read" in refused.sentence


def test_an_absent_database_is_not_made_anew_by_chance(located: Path, good: Path) -> None:
    (located / "crackmonitor.db").rename(located / "elsewhere.db")
    for refused in calls_with_database(located, good):
        assert refused.status == 1
        assert "put it back ('crackmonitor db restore' takes a backup)" in refused.sentence
    assert not (located / "crackmonitor.db").exists()
    assert crackmonitor("upgrade", "--workspace", located).status == 0
    assert crackmonitor("site", "list", "--workspace", located, "--json").result == {"sites": []}


def test_a_file_that_is_no_database_is_left_as_it_is(located: Path, good: Path) -> None:
    (located / "crackmonitor.db").write_bytes(b"photographs, not tables " * 100)
    for refused in (*calls_with_database(located, good), crackmonitor("upgrade", "--workspace", located)):
        assert refused.status == 1
        assert "Do not delete it" in refused.sentence
    assert (located / "crackmonitor.db").read_bytes() == b"photographs, not tables " * 100


def test_an_unreachable_server_is_said_without_the_password(
    located: Path, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://someone:hunter2@127.0.0.1:9/base?connect_timeout=2"
    monkeypatch.setenv("CRACKMONITOR_DATABASE_URL", url)
    refused = crackmonitor("growth", LOCATION, "--workspace", located)
    assert refused.status == 1
    assert "See that the address is right and the database within reach." in refused.sentence
    assert "hunter2" not in refused.err


@contextmanager
def _open_to_all(made: Path) -> Iterator[Path]:
    """A copy of the workspace in a folder that every account may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(shutil.copytree(made, Path(folder) / "survey"))


def _import_everything(workspace: Path, no_workspace: Path) -> None:
    """Commands import when they are called, and nobody may not read where Python lies."""
    assert crackmonitor("doctor", "--workspace", workspace).status == 0
    assert {refused.status for refused in calls_with_database(no_workspace, no_workspace)} == {2}


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Without root's right to write everything; what is imported must have been imported before."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
