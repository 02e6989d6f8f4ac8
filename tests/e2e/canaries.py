"""Secrets that can be told from everything else, and where any of them was left behind, in any spelling."""

import base64
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

SHORTEST = 12
"""Characters of a word that is sure to be nobody else's."""


@dataclass
class Canaries:
    """Each secret by what it is (`password of asha`); several may be of one kind."""

    words: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, word: str) -> str:
        """Watch for a secret; returns it."""
        assert len(word) >= SHORTEST, f"{kind} is too short to be told from other words"
        self.words[f"{kind} #{len(self.words) + 1}"] = word
        return word

    def found_in(self, directory: Path, patterns: Path) -> dict[str, set[str]]:
        """Return which files below a directory hold which kinds of secret; `patterns` is a file to use."""
        kinds = {form: kind for kind, word in self.words.items() for form in _forms(word)}
        patterns.write_text("\n".join(kinds) + "\n")
        # Bytes, whatever they mean: -a. Names first, matches after a NUL: -Z. Exit status 1: nothing found.
        command = ["grep", "--recursive", "-a", "-F", "-o", "-Z", "-f", str(patterns), "."]
        told = subprocess.run(
            command, cwd=directory, env=os.environ | {"LC_ALL": "C"}, capture_output=True, check=False
        )
        assert told.returncode in (0, 1), told.stderr.decode()
        found = defaultdict[str, set[str]](set)
        for line in told.stdout.decode(errors="replace").splitlines():
            name, _, form = line.partition("\0")
            found[name.removeprefix("./")].add(kinds.get(form, form).split(" #")[0])
        return found

    def in_text(self, text: str) -> set[str]:
        """Return the kinds of secret that a text holds."""
        return {
            kind.split(" #")[0]
            for kind, word in self.words.items()
            if any(form in text for form in _forms(word))
        }


def _forms(word: str) -> Iterator[str]:
    """Yield the ways in which somebody might have written it."""
    raw = word.encode()
    yield from {word, quote(word, safe=""), raw.hex(), raw.hex().upper()}
    for offset in range(3):
        # Inside a longer text base64 looks different by where the word begins; its ends depend on what is
        # beside it.
        text = base64.b64encode(b"\0" * offset + raw).decode()
        inner = text[-(-offset * 8 // 6) : len(text) - len(text) % 4 - 4]
        yield from {inner, inner.replace("+", "-").replace("/", "_")}


def unexpected(found: Mapping[str, set[str]], allowed: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return what was found where it must not be. `allowed`: kinds by the beginning of a file's path."""
    left = {}
    for name, kinds in found.items():
        fine = {kind for start, words in allowed.items() if name.startswith(start) for kind in words}
        if kinds - fine:
            left[name] = kinds - fine
    return left
