"""A series, its reconstruction and the error per step: draws docs/images/series.png and prints what it measured.

usage: python docs/make_series.py

With ZANDLOPER_DATA set to a folder of data sets, the taxi rides of New York from the Numenta Anomaly Benchmark, half
hour by half hour, with its five labeled days; else a made-up series with one anomalous day.
"""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

import zandloper as zl
from zandloper.plotting.style import COLORS, INK, new_figure, plain

PICTURE = Path(__file__).parent / "images" / "series.png"
FILE = "realKnownCause/nyc_taxi.csv"


def main() -> None:
    frame, anomalous, shown = taxis() if os.environ.get("ZANDLOPER_DATA") else made_up()
    model = zl.Autoencoder(latent_dim=6, modality="series", random_state=0).fit(frame)
    again, error = model.predict(frame), model.reconstruction_error(frame)
    day = pd.Series(error, frame.iloc[:, 0]).rolling(48, center=True, min_periods=1).mean()
    print(model.describe(), f"\nscore {model.score(frame):.4f}, fitted in {model.fit_seconds_:.1f} s")
    inside = np.zeros(len(frame), bool)
    for low, high in anomalous:
        inside |= ((frame.iloc[:, 0] >= low) & (frame.iloc[:, 0] <= high)).to_numpy()
    print(f"mean error {error[inside].mean():.4f} in marked spans, {error[~inside].mean():.4f} outside")

    figure = new_figure(9, 5.4)
    top, middle, bottom = figure.subplots(3, 1, gridspec_kw={"height_ratios": (3, 2, 2)})
    part = frame.iloc[:, 0].between(*shown).to_numpy()
    time, name = frame.iloc[:, 0], frame.columns[1]
    top.plot(time[part], frame[name][part], color="#888888", linewidth=1.8, label="series")
    top.plot(time[part], again[name][part], color=COLORS[0], linewidth=1.2, label="reconstruction")
    top.set_title("two weeks", fontsize=10, color=INK, loc="left")
    top.legend(frameon=False, fontsize=9, ncols=2, loc="upper right", bbox_to_anchor=(1, 1.22))
    middle.fill_between(time[part], error[part], color=COLORS[6], linewidth=0)
    middle.set_title("error of each step", fontsize=10, color=INK, loc="left")
    bottom.plot(day.index, day, color=COLORS[6], linewidth=1)
    bottom.set_title("all of it: mean error of a day around each step", fontsize=10, color=INK, loc="left")
    for ax in (top, middle, bottom):
        plain(ax)
        for low, high in anomalous:
            if ax is bottom or (low < shown[1] and high > shown[0]):
                ax.axvspan(max(low, time.min()), high, color=COLORS[1], alpha=0.18, linewidth=0)
        locator = AutoDateLocator(maxticks=9)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        ax.set_xlim(*((time.min(), time.max()) if ax is bottom else shown))
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE)
    print(f"written {PICTURE}")


def taxis() -> tuple[pd.DataFrame, list[tuple[pd.Timestamp, pd.Timestamp]], tuple[pd.Timestamp, pd.Timestamp]]:
    """Rides in half hours, the labeled spans, and the weeks that are shown."""
    folder = Path(os.environ["ZANDLOPER_DATA"]) / "nab"
    frame = pd.read_csv(folder / "data" / FILE, parse_dates=["timestamp"]).rename(columns={"value": "rides"})
    spans = json.loads((folder / "labels" / "combined_windows.json").read_text())[FILE]
    anomalous = [(pd.Timestamp(low), pd.Timestamp(high)) for low, high in spans]
    return frame, anomalous, (pd.Timestamp("2014-10-25"), pd.Timestamp("2014-11-08"))


def made_up() -> tuple[pd.DataFrame, list[tuple[pd.Timestamp, pd.Timestamp]], tuple[pd.Timestamp, pd.Timestamp]]:
    """Half hours of 120 days, one of them anomalous."""
    rng = np.random.default_rng(0)
    time = pd.date_range("2024-01-01", periods=48 * 120, freq="30min")
    hour = time.hour + time.minute / 60
    rides = 12 + 6 * np.sin(2 * np.pi * (hour - 9) / 24) * np.where(time.day_of_week < 5, 1, 0.6)
    anomalous = (time >= "2024-03-05 06:00") & (time < "2024-03-06")
    frame = pd.DataFrame({"time": time, "rides": np.where(anomalous, 9.0, rides) + 0.4 * rng.normal(size=len(time))})
    span = (pd.Timestamp("2024-03-05"), pd.Timestamp("2024-03-06"))
    return frame, [span], (pd.Timestamp("2024-02-28"), pd.Timestamp("2024-03-13"))


if __name__ == "__main__":
    main()
