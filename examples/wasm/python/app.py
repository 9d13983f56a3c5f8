import os
import sys

from wit_world import exports


class Run(exports.Run):
    """A command: what `kubectl logs` shows is what it prints."""

    def run(self) -> None:
        with open("/data/numbers.txt") as file:
            numbers = [int(line) for line in file]
        print(f"Python {sys.version.split()[0]} in {os.environ['POD_NAME']}")
        print(f"{len(numbers)} numbers, {sum(numbers)} in all")
