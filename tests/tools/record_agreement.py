#!/usr/bin/env python3
"""Records factors of agreement with peers, for tests/oversight_agreement.rs.

Pinned: Python 3.11, numpy 2.4.6, scipy 1.17.1.

    python3 -m venv VENV
    VENV/bin/pip install numpy==2.4.6 scipy==1.17.1
    VENV/bin/python tests/tools/record_agreement.py > tests/fixtures/oversight/agreement.json

Each factor is a ratio of two whole numbers, computed without rounding; its logarithm
is taken with 60 digits. scipy's law of the same name (`nchypergeom_fisher`) must agree
to nine digits wherever it gives a number, or nothing is recorded. The tables come from
a fixed seed and the standard library's generator, so a second run writes the same file.
No test needs Python.
"""

import json
import random
import sys
from decimal import Decimal, getcontext
from fractions import Fraction
from importlib.metadata import version
from math import comb

from scipy.stats import nchypergeom_fisher

PINNED = {"numpy": "2.4.6", "scipy": "1.17.1"}
SEED = 20260401
ALLOWED = Fraction(2)
ALTERNATIVES = [Fraction(4), Fraction(8), Fraction(32), Fraction(128)]

getcontext().prec = 60


def likelihood(k, n, all_acts, all_agreed, odds):
    """The chance of k, exactly."""
    low, high = max(0, n - (all_acts - all_agreed)), min(n, all_agreed)
    ways = {
        x: comb(all_agreed, x) * comb(all_acts - all_agreed, n - x) * odds**x
        for x in range(low, high + 1)
    }
    return Fraction(ways[k]) / sum(ways.values())


def log(ratio):
    return Decimal(ratio.numerator).ln() - Decimal(ratio.denominator).ln()


def agrees_with_scipy(k, n, all_acts, all_agreed, odds, exact):
    theirs = float(nchypergeom_fisher.pmf(k, all_acts, all_agreed, n, float(odds)))
    if theirs != theirs or theirs < 1e-250:
        return None
    return abs(theirs / float(exact) - 1) < 1e-9


def tables(rng):
    yield 2, 2, 4, 2
    yield 20, 20, 100, 85
    yield 20, 20, 2000, 1940
    yield 60, 60, 300, 255
    yield 1, 0, 60, 59
    yield 150, 149, 900, 873
    yield 800, 799, 4000, 3880
    for _ in range(120):
        all_acts = rng.choice([53, 60, 80, 150, 400, 900])
        n = rng.randint(1, all_acts - 50)
        all_agreed = round(all_acts * rng.choice([0.03, 0.3, 0.6, 0.85, 0.97]))
        low, high = max(0, n - (all_acts - all_agreed)), min(n, all_agreed)
        yield n, rng.randint(low, high), all_acts, all_agreed


def main():
    for package, wanted in PINNED.items():
        if version(package) != wanted:
            sys.exit(f"{package} {wanted} is wanted, {version(package)} is installed")
    rows, compared = [], 0
    for n, k, all_acts, all_agreed in tables(random.Random(SEED)):
        below = likelihood(k, n, all_acts, all_agreed, ALLOWED)
        logs = []
        for odds in ALTERNATIVES:
            exact = likelihood(k, n, all_acts, all_agreed, odds)
            same = agrees_with_scipy(k, n, all_acts, all_agreed, odds, exact)
            if same is False:
                sys.exit(f"scipy disagrees: {n} {k} {all_acts} {all_agreed} {odds}")
            compared += same is True
            logs.append(float(log(exact / below)))
        rows.append([n, k, all_acts, all_agreed, logs])
    if compared < 300:
        sys.exit(f"only {compared} comparisons with scipy")
    print("{")
    print(f'"versions": {json.dumps(PINNED)}, "allowed": 2.0, "alternatives": [4.0, 8.0, 32.0, 128.0],')
    print('"rows": [')
    print(",\n".join(json.dumps(row) for row in rows))
    print("]}")


if __name__ == "__main__":
    main()
