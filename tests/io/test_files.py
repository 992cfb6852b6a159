"""Data files: what goes out comes in the same; what is broken says so in one sentence; nothing is half-written."""

import builtins
import errno
import gzip
import os
import struct
import sys
import zlib

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from zandloper import io
from zandloper.errors import DataError, FileError, ZandloperError

FRAME = {"size": [1.5, None, 3.25], "kind": ["a", "b, c", None], "count": [1, 2, 3], "wet": [True, False, True]}


def text(path, content, encoding="utf-8"):
    path.write_bytes(content.encode(encoding))
    return path


def left_in(folder):
    return sorted(p.name for p in folder.rglob("*"))


# --------------------------------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.csv.gz", "x.parquet", "new/folder/X.CSV"])
@pytest.mark.parametrize("kind", [pa.table, pd.DataFrame, pl.DataFrame])
def test_tables_come_back(tmp_path, name, kind):
    io.write(tmp_path / name, kind(FRAME))
    back = io.read(tmp_path / name)
    assert isinstance(back, pa.Table)
    assert back.to_pydict() == FRAME


def test_the_index_of_a_pandas_frame_is_no_column(tmp_path):
    frame = pd.DataFrame({"a": [1, 2]}, index=["x", "y"])
    frame.to_parquet(tmp_path / "x.parquet")
    io.write(tmp_path / "y.parquet", frame)
    assert io.read(tmp_path / "x.parquet").column_names == io.read(tmp_path / "y.parquet").column_names == ["a"]


def test_categories_of_frames_are_written_as_text(tmp_path):
    io.write(tmp_path / "x.csv", pd.DataFrame({"a": pd.Categorical(["u", "v"])}))
    assert io.read(tmp_path / "x.csv").to_pydict() == {"a": ["u", "v"]}


@pytest.mark.parametrize("name", ["z.csv", "z.parquet"])
def test_arrays_become_tables_with_named_columns(tmp_path, name, rng):
    Z = rng.normal(size=(4, 2)).astype(np.float32)
    io.write(tmp_path / name, Z)
    io.write(tmp_path / f"e_{name}", Z[:, 0], names=["error"])
    back = io.read(tmp_path / name)
    assert back.column_names == ["latent_0", "latent_1"]
    assert np.array_equal(nw.from_native(back).to_numpy().astype(np.float32), Z)
    assert io.read(tmp_path / f"e_{name}").column_names == ["error"]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("a;b\n1;x\n2;y\n", {"a": [1, 2], "b": ["x", "y"]}),
        ("a\tb\n1\tx,y\n2\ty,z\n", {"a": [1, 2], "b": ["x,y", "y,z"]}),
        ("a;b\n1,5;2\n2,5;3\n", {"a": [1.5, 2.5], "b": [2, 3]}),
        ('a,b\n1,"x;y\nz"\n2,"u;v"\n', {"a": [1, 2], "b": ["x;y\nz", "u;v"]}),
        ("\ufeffa,b\n1,2\n", {"a": [1], "b": [2]}),
        ("a,b\n?,x\n2,NA\n", {"a": [None, 2], "b": ["x", None]}),
        ("a,b\n,1\n,2\n", {"a": [None, None], "b": [1, 2]}),
        ("0,1,2\n5,6,7\n", {"0": [5], "1": [6], "2": [7]}),
        ("400,402.5,405,410\n5,6,7,8\n", {"400": [5], "402.5": [6], "405": [7], "410": [8]}),
        ("zip\n1234\n12AB\n", {"zip": ["1234", "12AB"]}),
    ],
)
def test_csv_as_it_is_found(tmp_path, content, wanted):
    assert io.read(text(tmp_path / "x.csv", content)).to_pydict() == wanted


def test_without_column_names_no_row_is_lost(tmp_path):
    path = text(tmp_path / "x.csv", "5.1,3\n4.9,2\n")
    with pytest.warns(UserWarning, match="no line with column names"):
        assert io.read(path).to_pydict() == {"f0": [5.1, 4.9], "f1": [3, 2]}


def test_long_csv_is_one_type_a_column(tmp_path):
    rows = "\n".join(map(str, [*range(200_000), 0.5]))
    column = io.read(text(tmp_path / "x.csv", f"a\n{rows}\n"))["a"]
    assert column.type == pa.float64() and len(column) == 200_001


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", "", "empty file"),
        ("x.csv", "\n\n", "nothing but empty lines"),
        ("x.csv", "a,b\n", "no rows"),
        ("x.csv", "a,b\n1,2\n3,4,5\n", "row 3 .* Expected 2 columns, got 3"),
        ("x.csv", "a,b\n1,2\n3\n", "row 3 .* Expected 2 columns, got 1"),
        ("x.csv", "a,a\n1,2\n", "more than one column named 'a'"),
        ("x.csv", "a\n" + "1\n" * 99 + "oops\n", "column 'a' .* 99 rows and text in 1, first in data row 100: 'oops'"),
        ("x.csv", b"a,b\n1,caf\xe9\n", "not UTF-8"),
        ("x.csv", b"caf\xe9,b\n1,2\n", "not UTF-8"),
        ("x.csv", "a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        ("x.csv", b"PK\x03\x04\0\0\0", "binary data"),
        ("x.csv.gz", "a,b\n1,2\n", "could not be read|cannot be read"),
        ("x.csv.gz", gzip.compress(b"a,b\n1,2\n" * 999, mtime=0)[:40], "could not be read|cannot be read"),
        ("x.parquet", "no parquet", "damaged, or not a Parquet file"),
        ("x.npy", "no array", "not a NumPy file"),
        ("x.npy", b"\x93NUMPY\x01\0v\0{'descr'", "damaged"),
        ("x.npz", b"PK\x03\x04 no zip", "damaged"),
        ("x.png", "no image", "none of the known kinds"),
        ("x.xlsx", "a", "'.xlsx' cannot be read; wanted is"),
        ("x", "a", "without an ending cannot be read"),
    ],
)
def test_broken_files_say_what_is_wrong(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ZandloperError, match=says) as caught:
        io.read(path)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_parquet_file_cut_off(tmp_path):
    parquet.write_table(pa.table(FRAME), tmp_path / "x.parquet")
    (tmp_path / "x.parquet").write_bytes((tmp_path / "x.parquet").read_bytes()[:-9])
    with pytest.raises(FileError, match="damaged"):
        io.read(tmp_path / "x.parquet")


def test_choosing_columns():
    table = pa.table(FRAME)
    assert io.choose_columns(table, ["wet", "size"]).column_names == ["wet", "size"]
    assert io.choose_columns(table, [], ["wet"]).column_names == ["size", "kind", "count"]
    assert io.choose_columns(table, []) is table
    with pytest.raises(DataError, match="lack the column color: there are size, kind"):
        io.choose_columns(table, ["color"])
    with pytest.raises(DataError, match="all columns are dropped"):
        io.choose_columns(table, [], list(FRAME))
    with pytest.raises(DataError, match=r"array of shape \(2, 2\)"):
        io.choose_columns(np.eye(2), ["a"])


# --------------------------------------------------------------------------------------------------------------- arrays


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
@pytest.mark.parametrize("dtype", [np.float32, np.uint16, bool])
def test_arrays_come_back(tmp_path, name, dtype, rng):
    X = rng.integers(0, 2, (3, 4, 5)).astype(dtype)
    io.write(tmp_path / name, X)
    back = io.read(tmp_path / name)
    assert back.dtype == X.dtype and np.array_equal(back, X)


def test_npz_needs_one_array_or_an_x(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, data=np.eye(2))
    assert np.array_equal(io.read(path), np.eye(2))
    np.savez(path, X=np.eye(3), y=np.zeros(3))
    assert np.array_equal(io.read(path), np.eye(3))
    np.savez(path, a=np.eye(2), b=np.eye(2))
    with pytest.raises(FileError, match=r"2 arrays \(a, b\) and none named X"):
        io.read(path)


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_objects_are_never_unpickled(tmp_path, name):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("code from a file was run",))

    X = np.array([Trap()], dtype=object)
    (np.save if name == "x.npy" else np.savez)(tmp_path / name, X)
    with pytest.raises(FileError, match="Python objects"):
        io.read(tmp_path / name)


# --------------------------------------------------------------------------------------------------------------- images


def picture(rng, shape, dtype=np.uint8):
    return rng.integers(0, np.iinfo(dtype).max, shape, endpoint=True).astype(dtype)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((5, 7), np.uint8), ((5, 7, 3), np.uint8), ((5, 7, 4), np.uint8), ((5, 7), np.uint16)]
)
def test_images_come_back_with_their_depth(tmp_path, shape, dtype, rng):
    images = io.Images([picture(rng, shape, dtype) for _ in range(12)], [f"p{i}.jpg" for i in range(12)])
    io.write(tmp_path / "out", images)
    back = io.read(tmp_path / "out")
    assert back.names == [f"p{i}.png" for i in range(12)]  # 2 before 10
    assert all(a.dtype == dtype and np.array_equal(a, b) for a, b in zip(back, images))
    io.write(tmp_path / "one.png", images[:1])
    assert np.array_equal(io.read(tmp_path / "one.png")[0], images[0])


def test_big_endian_tiff_stacks_are_read_page_by_page(tmp_path, rng):
    pages = [Image.fromarray(picture(rng, (4, 6), np.uint16)) for _ in range(3)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    back = io.read(tmp_path / "stack.tif")
    assert back.names == ["stack_0000.tif", "stack_0001.tif", "stack_0002.tif"]
    assert all(a.dtype == np.uint16 and np.array_equal(a, np.asarray(b)) for a, b in zip(back, pages))


def test_other_pixels_become_gray_or_colors(tmp_path, rng):
    image = Image.fromarray(picture(rng, (4, 6, 3)))
    shapes = {"1": (4, 6), "P": (4, 6, 3), "LA": (4, 6, 4), "CMYK": (4, 6, 3)}
    for mode in shapes:
        image.convert(mode).save(tmp_path / f"{mode}.{'tif' if mode == 'CMYK' else 'png'}")
    back = io.read(tmp_path)
    assert {name.split(".")[0]: a.shape for name, a in zip(back.names, back)} == shapes
    assert all(a.dtype == np.uint8 for a in back)
    assert list(back.kinds()) == ["gray", "colored", "colored with opacity"]


def test_photographs_stand_upright(tmp_path, rng):
    image, exif = Image.fromarray(picture(rng, (4, 6))), Image.Exif()
    exif[0x0112] = 6  # lies on its side
    image.save(tmp_path / "x.png", exif=exif)
    assert io.read(tmp_path / "x.png")[0].shape == (6, 4)


def test_subfolders_keep_their_names_and_hidden_files_are_left(tmp_path, rng):
    for name in ("in/b/1.png", "in/a/1.png", "in/.trash/1.png", "in/._1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(rng, (3, 3))).save(tmp_path / name)
    (tmp_path / "in/labels.csv").write_text("a\n1\n")
    images = io.read(tmp_path / "in")
    assert images.names == ["a/1.png", "b/1.png"]
    io.write(tmp_path / "out", images)
    assert io.read(tmp_path / "out").names == images.names


def test_names_that_differ_in_their_ending_only_stay_apart(tmp_path, rng):
    io.write(tmp_path / "out", [picture(rng, (3, 3))] * 2, names=["a.jpg", "a.png"])
    assert left_in(tmp_path / "out") == ["a.jpg.png", "a.png.png"]


def test_float_and_boolean_images(tmp_path):
    io.write(tmp_path / "f", np.array([[[0.0, 1.2], [-0.1, 0.5]]]))
    assert io.read(tmp_path / "f")[0].tolist() == [[0, 255], [0, 128]]
    io.write(tmp_path / "b.png", np.array([[True, False]]))
    assert io.read(tmp_path / "b.png")[0].tolist() == [[255, 0]]
    with pytest.warns(UserWarning, match="clipped"):
        io.write(tmp_path / "big.png", np.array([[0.0, 255.0]]))


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("x.csv", [np.eye(3)] * 2, "cannot hold 2 images"),
        ("x.csv", np.zeros((2, 3, 4)), r"cannot hold an array of shape \(2, 3, 4\)"),
        ("x.npy", [np.eye(3), np.eye(4)], "differ in size"),
        ("x.npy", np.array(["a", 1], dtype=object), "text or mixed columns"),
        ("x.png", [np.eye(3)] * 2, "there are 2: give a folder"),
        ("x.png", np.zeros((5, 4, 9)), "one image"),
        ("x.png", np.zeros((4, 4), np.int64), "int64"),
        ("x.png", np.zeros((4, 4, 3), np.uint16), "uint16"),
        ("folder", np.zeros((3, 2)), "no ending, .* no images"),
        ("x.doc", np.eye(2), "'.doc' cannot be written; wanted is one of"),
    ],
)
def test_what_a_format_cannot_hold(tmp_path, name, data, says):
    with pytest.raises(FileError, match=says):
        io.write(tmp_path / name, data)
    assert left_in(tmp_path) == []


def test_a_broken_image_is_named(tmp_path, rng):
    io.write(tmp_path / "in", [picture(rng, (30, 30))] * 3)
    (tmp_path / "in/1.png").write_bytes((tmp_path / "in/1.png").read_bytes()[:100])
    with pytest.raises(FileError, match=r"1\.png cannot be read \(.*truncated"):
        io.read(tmp_path / "in")


def test_sixteen_bits_a_color_are_not_lost_in_silence(tmp_path):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)  # 1 x 1 pixel, 16 bits, RGB: Pillow writes none
    pixels = zlib.compress(b"\0" + bytes([9, 0] * 3))
    path = tmp_path / "x.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
    with pytest.warns(UserWarning, match="16 bits a color, of which 8 are read"):
        assert io.read(path)[0].tolist() == [[[9, 9, 9]]]


@pytest.mark.parametrize("inside", [[], ["notes.txt"]])
def test_a_folder_without_images(tmp_path, inside):
    for name in inside:
        (tmp_path / name).touch()
    with pytest.raises(FileError, match="holds 1 files and no image" if inside else "is empty"):
        io.read(tmp_path)


# ------------------------------------------------------------------------------------------------------- where files go


def test_missing_files(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        io.read(tmp_path / "no.csv")


@pytest.mark.parametrize("name", ["x.csv", "x.npy", "x.png"])
def test_what_exists_is_kept_unless_forced(tmp_path, name):
    path = text(tmp_path / name, "precious")
    with pytest.raises(FileError, match="exists already"):
        io.write(path, np.eye(2))
    assert path.read_text() == "precious"
    io.write(path, np.eye(2), force=True)
    assert left_in(tmp_path) == [name] and path.read_bytes() != b"precious"


def test_folders_lose_nothing_when_forced(tmp_path):
    (tmp_path / "out").mkdir()
    io.write(tmp_path / "out", np.zeros((2, 3, 3)))  # empty: free
    text(tmp_path / "out/notes.txt", "precious")
    with pytest.raises(FileError, match="exists already"):
        io.write(tmp_path / "out", np.ones((2, 3, 3)))
    io.write(tmp_path / "out", np.ones((2, 3, 3)), force=True)
    assert left_in(tmp_path / "out") == ["0.png", "1.png", "notes.txt"]
    assert io.read(tmp_path / "out")[0].min() == 255


def test_places_that_are_none(tmp_path):
    text(tmp_path / "file", "")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FileError, match="is a file and no folder"):
        io.check_output(tmp_path / "file/x.csv")
    with pytest.raises(FileError, match="is a folder, and a file"):
        io.check_output(tmp_path / "folder.csv", force=True)


def test_a_link_stays_a_link(tmp_path):
    text(tmp_path / "real.csv", "old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    io.write(tmp_path / "link.csv", np.eye(2), force=True)
    assert (tmp_path / "link.csv").is_symlink() and (tmp_path / "real.csv").read_text() != "old"


class Full:
    """A file on a disk that has room for ten bytes."""

    def __init__(self, file):
        self.file, self.room = file, 10

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data)


def disk_full(monkeypatch, where):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if where == "write":
        module = sys.modules["zandloper.io.atomic"]  # the package has a function of that name
        monkeypatch.setattr(module, "open", lambda *a: Full(builtins.open(*a)), raising=False)  # noqa: SIM115
    else:
        monkeypatch.setattr(os, where, fail)


@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.parquet", "x.npy", "x.npz", "x.png", "folder"])
def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch, where, name):
    old = tmp_path / name
    if name != "folder":
        text(old, "precious")
    disk_full(monkeypatch, where)
    with pytest.raises(FileError, match="the disk is full") as caught:
        io.write(old, np.eye(9)[None] if name == "folder" else np.eye(9), force=True)
    assert "\n" not in str(caught.value)
    assert left_in(tmp_path) == ([] if name == "folder" else [name])
    assert name == "folder" or old.read_text() == "precious"


def test_no_permission(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(FileError, match="no permission: change it, or choose another place"):
        io.write(tmp_path / "x.csv", np.eye(2))
    assert left_in(tmp_path) == []

    path = text(tmp_path / "x.csv", "a\n1\n")

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("zandloper.io.tables.open", refuse, raising=False)
    with pytest.raises(FileError, match=r"x\.csv could not be read: you have no permission"):
        io.read(path)


def test_in_words(rng):
    assert io.in_words(pa.table(FRAME)) == "table of 3 rows and 4 columns (1 double, 1 string, 1 int64, 1 bool)"
    assert io.in_words(np.eye(2)) == "array of shape (2, 2), float64"
    images = io.Images([picture(rng, (3, 4))], ["a.png"])
    assert io.in_words(images) == "1 image of 3 x 4 pixels, uint8"
