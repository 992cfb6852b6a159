"""Overlapping tiles: any size, no seams, bounded memory."""

import numpy as np
import pytest
import torch

from zandloper.data.tiling import Steps, bands, mirrored, tiled


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (17, 33), (100, 70, 3), (129, 64)])
@pytest.mark.parametrize(("tile", "overlap", "multiple", "batch"), [(48, 16, 8, 1), (64, 20, 16, 3), (640, 0, 4, 2)])
@pytest.mark.parametrize("rim", [True, False])
def test_what_keeps_pixels_keeps_images(shape, tile, overlap, multiple, batch, rim, rng):
    image = rng.normal(size=shape).astype(np.float32)
    sizes = set()

    def same(tiles):
        sizes.add(tiles.shape[1:3])
        return tiles

    said = tiled(same, image, tile, overlap, multiple, batch, rim=rim)
    assert said.dtype == np.float32 and np.allclose(said, image, atol=1e-6)
    assert len(sizes) == 1 and all(side % multiple == 0 for side in sizes.pop())


def test_axes_of_the_output_are_the_functions_own(rng):
    image = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    said = tiled(lambda tiles: tiles.float().mean(-1)[..., None, None].expand(-1, -1, -1, 2, 5), image, 32, 8, 8)
    assert said.shape == (40, 50, 2, 5) and np.allclose(said[..., 1, 3], image.mean(-1), atol=1e-3)


@pytest.mark.parametrize("rim", [True, False])
def test_there_is_no_seam(rim, rng):
    """Tiles that disagree by a constant are blended: no step is larger than the ramp's own."""
    calls = iter(range(100))

    def disagree(tiles):
        return torch.full(tiles.shape, float(next(calls) % 2))

    said = tiled(disagree, np.zeros((200, 200), np.float32), 96, 32, 8, rim=rim)
    assert said.min() == 0 and said.max() == 1
    assert max(np.abs(np.diff(said, axis=axis)).max() for axis in (0, 1)) < 0.2  # 8 steps of a sine


def test_what_is_said_near_the_edge_of_a_tile_does_not_count():
    """As a net does that fills up with zeros: at the rim and between tiles the image is as inside."""

    def blur(tiles):
        kernel = torch.ones(1, 1, 9, 9) / 81
        return torch.conv2d(tiles[:, None], kernel, padding=4)[:, 0]

    said = tiled(blur, np.ones((150, 130), np.float32), 64, 32, 8)
    assert np.allclose(said, 1, atol=1e-5)


@pytest.mark.parametrize("length", [1, 7, 8, 63, 64, 96, 97, 200, 1000])
@pytest.mark.parametrize("rim", [True, False])
def test_tiles_cover_the_image_and_little_else(length, rim):
    """Without a rim only what sides must have to be multiples is mirrored, however many tiles there are."""
    steps = Steps(length, 96, 32, 8, rim)
    assert steps.side <= 96 and steps.side % 8 == 0 and all(start % 8 == 0 for start in steps.starts)
    assert steps.rim == 16 * rim and steps.starts[0] == 0 and steps.starts[-1] + steps.side == steps.total
    assert 0 <= steps.total - length - 2 * steps.rim < 8
    assert steps.mirrored[steps.rim : steps.rim + length].tolist() == list(range(length))
    total = torch.zeros(steps.total)
    for k, start in enumerate(steps.starts):
        total[start : start + steps.side] += steps.fade(k)
    assert torch.allclose(total, torch.ones(()))


def test_bands_come_row_by_row_from_a_file(tmp_path, rng):
    stored = np.lib.format.open_memmap(tmp_path / "large.npy", "w+", np.float32, (300, 40))
    stored[:] = rng.normal(size=stored.shape)
    image = np.load(tmp_path / "large.npy", mmap_mode="r")
    parts = list(bands(lambda tiles: tiles, image, 64, 16, 8))
    assert len(parts) > 4 and max(len(p) for p in parts) < 80
    assert np.allclose(np.concatenate(parts), image, atol=1e-6)
    out = np.empty((300, 40), np.float16)
    assert tiled(lambda tiles: tiles, image, 64, 16, 8, out=out) is out and np.allclose(out, image, atol=1e-2)


def test_mirrors_of_a_short_axis():
    assert mirrored(7, 1, 3).tolist() == [0] * 7
    assert mirrored(8, 2, 3).tolist() == [1, 0, 1, 0, 1, 0, 1, 0]
