"""What `import zandloper` costs beside importing torch and scikit-learn: medians of fresh processes, alternating.

usage: python benchmarks/import_cost.py [--runs 5]
`zandloper` alone loads nothing heavy; `zl.Autoencoder` is what a user then waits for.
"""

import argparse
import statistics
import subprocess
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--runs", type=int, default=5)
args = parser.parse_args()
programs = {
    "python alone": "pass",
    "import torch, sklearn": "import torch, sklearn.base, sklearn.utils.validation, sklearn.decomposition",
    "import zandloper": "import zandloper",
    "import zandloper; zandloper.Autoencoder": "import zandloper; zandloper.Autoencoder",
}
seconds: dict[str, list[float]] = {name: [] for name in programs}
for _ in range(args.runs):
    for name, program in programs.items():
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)
        seconds[name].append(time.perf_counter() - begin)
medians = {name: statistics.median(values) for name, values in seconds.items()}
for name, value in medians.items():
    print(f"{name:42s} {value:.2f} s")
base = medians["import torch, sklearn"]
print(f"ratio to torch and scikit-learn: zandloper {medians['import zandloper'] / base:.2f}, ", end="")
print(f"with Autoencoder {medians['import zandloper; zandloper.Autoencoder'] / base:.2f}")
