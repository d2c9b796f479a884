"""`evaluate` scores a classifier on labelled photos, and `train` makes one that can be scored."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import crackmonitor

SETS = {"masonry_dais", "brickwork_cracks", "brickwork_cracks_without_listed"}


def picture(path: Path, cracked: bool, side: int, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = rng.integers(150, 200, (side, side, 3), np.uint8)
    if cracked:
        image[side // 2 - 4 : side // 2 + 4] = 10
    assert cv2.imwrite(str(path), image)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Photos in the layout of the real data sets: dark bands are cracks, every second photo has one."""
    rng = np.random.default_rng(5)
    walls, crops, masonry = ["file,wall_block,fold"], ["file,row,col,side_px,crack"], ["file,source_photo,fold"]
    for index in range(8):
        cracked = index % 2 == 0
        file = f"{'crack' if cracked else 'nocrack'}/{index}.png"
        picture(tmp_path / "brickwork_cracks/images" / file, cracked, 130, rng)
        walls.append(f"{file},{'AB'[index // 4]},{('val', 'test')[index // 4]}")
        picture(tmp_path / f"masonry_dais/images/{index}.png", cracked, 112, rng)
        mask = np.zeros((112, 112), np.uint8)
        mask[52:60] = 255 * cracked
        (tmp_path / "masonry_dais/masks").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / f"masonry_dais/masks/{index}.png"), mask)
        masonry.append(f"{index}.png,{index},val")
        crops.append(f"{index}.png,0,0,112,{int(cracked)}")
    (tmp_path / "brickwork_cracks/folds.csv").write_text("\n".join(walls))
    (tmp_path / "masonry_dais/folds.csv").write_text("\n".join(masonry))
    (tmp_path / "masonry_dais/crops_test.csv").write_text("\n".join(crops))
    return tmp_path


def test_scores_by_set_and_wall(data: Path, weights: Path) -> None:
    found = crackmonitor("evaluate", "--data", data, "--weights", weights, "--final", "--json").result
    assert set(found["scores"]) == SETS
    assert set(found["scores"]["brickwork_cracks"]) == {"A", "B", "mean"}
    mean = found["scores"]["masonry_dais"]["mean"]
    assert mean == {
        "n": 8,
        "auc": 1.0,
        "balanced_accuracy": 1.0,
        "true_positive_rate": 1.0,
        "true_negative_rate": 1.0,
    }


def test_without_final_no_test_fold_is_looked_at(data: Path, weights: Path) -> None:
    (data / "masonry_dais/crops_test.csv").unlink()
    found = crackmonitor("evaluate", "--data", data, "--weights", weights, "--json").result
    assert set(found["scores"]["brickwork_cracks"]) == {"A", "mean"}


def test_words_name_walls_and_rates(data: Path, weights: Path) -> None:
    words = crackmonitor("evaluate", "--data", data, "--weights", weights, "--final")
    assert words.status == 0
    assert "balanced" in words.out
    assert "brickwork_cracks" in words.out


def test_data_that_is_not_there_is_said(tmp_path: Path, weights: Path) -> None:
    refused = crackmonitor("evaluate", "--data", tmp_path / "nowhere", "--weights", weights)
    assert refused.status in (1, 2)
    assert "nowhere" in refused.sentence


def test_masks_are_scored_in_each_way_and_written_as_a_page(data: Path, weights: Path, tmp_path: Path) -> None:
    uav = data / "uav75"
    shutil.copytree(data / "masonry_dais", uav)
    (uav / "planking").mkdir()
    for file in (uav / "masks").iterdir():
        assert cv2.imwrite(str(uav / "planking" / file.name), np.eye(112, dtype=np.uint8) * 255)
    for index in range(3):
        picture(data / f"textures/{index}.png", False, 112, np.random.default_rng(index))
    page = tmp_path / "photos.md"
    found = crackmonitor("evaluate", "--data", data, "--weights", weights, "--masks", "--report", page, "--json").result
    assert set(found["masks"]) == {"taught", "refined", "published", "oracle"}
    for scores in found["masks"].values():
        assert scores["masonry_dais"]["n"] == scores["uav75_within_3_px"]["n"] == 8
        assert 0 <= scores["masonry_dais"]["f1"] <= 1
        assert 0 <= scores["uav75_joint_length_marked"] <= 1
        assert scores["textures_with_mask"] == 0
    text = page.read_text(encoding="utf-8")
    assert f"| taught | masonry_dais, f1 | {found['masks']['taught']['masonry_dais']['f1']:.3f} |" in text
    assert "crackmonitor evaluate --data DATA" in text
