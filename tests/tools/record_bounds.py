#!/usr/bin/env python3
"""Records reference bounds for tests/engine/bounds.rs.

Pinned: Python 3.11, numpy 2.4.6, scipy 1.17.1.

    python3 -m venv VENV
    VENV/bin/pip install numpy==2.4.6 scipy==1.17.1
    VENV/bin/python tests/tools/record_bounds.py > tests/fixtures/survival/bounds.json

- Effective numbers come from exact fractions.
- Clopper and Pearson's bounds come from scipy's beta law; for whole numbers they are
  checked here against exact binomial tails in fractions.
- Mid-P bounds come from scipy's solver on their equation, in exact binomial tails for
  whole numbers and in scipy's beta laws for others.
- Wilson's bounds come from scipy's solver on the defining equation
  |p - x| = z sqrt(x (1 - x) / n), not from the formula that the program uses.
- Survival bounds come from ten million draws of the product of beta variables itself,
  not from the approximation by two moments. Their Monte Carlo error is recorded.

A second run writes the same file. No test needs Python.
"""

import json
import sys
from fractions import Fraction
from importlib.metadata import version

import numpy as np
from scipy.optimize import brentq
from scipy.stats import beta, binom, norm

PINNED = {"numpy": "2.4.6", "scipy": "1.17.1"}
SEED = 20260301
DRAWS = 10_000_000
Z = norm.ppf(0.975)


def kish(sizes):
    return Fraction(sum(sizes) ** 2, sum(m * m for m in sizes))


def clopper_pearson(p, n):
    x = p * n
    low = beta.ppf(0.025, x, n - x + 1) if x > 0 else 0.0
    high = beta.ppf(0.975, x + 1, n - x) if x < n else 1.0
    return float(low), float(high)


def mid_p(p, n):
    """Half of the chance of what was seen is counted on each side."""
    x = p * n

    def tails(q):
        if abs(x - round(x)) < 1e-12 and n == int(n):
            here = binom.pmf(round(x), n, q)
            return binom.sf(round(x), n, q) + here / 2
        # The chances of x or more, and of more than x, where x is not whole.
        some = beta.cdf(q, x, n - x + 1) if x > 0 else 1.0
        more = beta.cdf(q, x + 1, n - x) if x < n else 0.0
        return (some + more) / 2

    def solved(tail):
        # Nothing of a double tells a bound below this from 0.
        if tails(1e-14) > tail:
            return 0.0
        return brentq(lambda q: tails(q) - tail, 1e-14, 1 - 1e-14, xtol=1e-15)

    low = 0.0 if x == 0 else solved(0.025)
    high = 1.0 if x == n else solved(0.975)
    return low, high


def wilson(p, n):
    def gap(x):
        return (p - x) ** 2 - Z * Z * x * (1 - x) / n

    # At the ends of the scale the share itself is a root, and not the bound.
    low = 0.0 if p == 0 else brentq(gap, 0.0, p - 1e-12, xtol=1e-16)
    high = 1.0 if p == 1 else brentq(gap, p + 1e-12, 1.0, xtol=1e-16)
    return low, high


def check_tail(x, n, low):
    """The chance of x or more successes under the lower bound is 2.5 %, exactly."""
    q = Fraction(low)
    tail, coefficient = Fraction(0), 1
    for k in range(n + 1):
        if k >= x:
            tail += coefficient * q**k * (1 - q) ** (n - k)
        coefficient = coefficient * (n - k) // (k + 1)
    assert abs(float(tail) - 0.025) < 1e-9, (x, n, float(tail))


def shares():
    for n in (1, 2.23, 3, 7, 19.5, 29.999, 30, 64, 250, 1e4, 1e6):
        for p in (0.0, 0.003, 0.1, 0.4, 0.5, 0.9, 1.0):
            cp, wi = clopper_pearson(p, n), wilson(p, n)
            x = p * n
            if 0 < x == int(x) and n == int(n) and n <= 64:
                check_tail(int(x), int(n), cp[0])
            mid = mid_p(p, n)
            yield {"share": p, "number": n, "clopper_pearson": cp, "mid_p": mid, "wilson": wi}


def curves(rng):
    """Steps are (at risk, events, censored); the curve is read after the last one."""
    for name, weight, steps in (
        ("light censoring", 1.0, [(12, 1, 0), (11, 1, 2), (8, 1, 0), (7, 2, 1), (4, 1, 0)]),
        ("heavy censoring", 1.0, [(25, 1, 6), (18, 1, 9), (8, 1, 4), (3, 1, 1)]),
        ("one event late", 1.0, [(9, 0, 7), (2, 1, 0)]),
        ("a commit", 0.1, [(60, 20, 5), (35, 12, 3), (20, 2, 8)]),
        ("thousands", 1.0, [(5000, 800, 100), (4100, 900, 600), (2600, 300, 0)]),
    ):
        product = np.ones(DRAWS)
        left = 0
        for at_risk, events, censored in steps:
            if events:
                a, b = (at_risk - events) * weight + 1, events * weight
                product *= rng.beta(a, b, DRAWS)
            left = at_risk - events - censored
        low = product * rng.beta(left * weight, 1, DRAWS) if left else np.zeros(DRAWS)
        bounds = [float(np.quantile(low, 0.025)), float(np.quantile(product, 0.975))]
        # The mean of two laws is what is drawn from either, half of the time each.
        both = np.concatenate([low, product])
        mid_p = [float(np.quantile(both, q)) for q in (0.025, 0.975)]
        # The error of a quantile, from ten parts of the draws.
        error = max(
            float(np.std([np.quantile(part, q) for part in np.split(x, 10)])) / 10**0.5
            for x, q in ((low, 0.025), (product, 0.975))
        )
        told = {"bounds": bounds, "mid_p": mid_p, "error": error}
        yield {"name": name, "weight": weight, "steps": steps, **told}


def main():
    for package, pinned in PINNED.items():
        if version(package) != pinned:
            sys.exit(f"{package} {version(package)} is installed, {pinned} is pinned")
    sizes = [[1] * 40, [1] * 99 + [200], [3, 1, 4, 1, 5, 9, 2, 6], [10**6], [10**6, 1]]
    recorded = {
        "effective": [
            {"sizes": runs(s), "effective": float(kish(s)), "incidents": len(s)} for s in sizes
        ],
        "shares": list(shares()),
        "curves": list(curves(np.random.default_rng(SEED))),
    }
    json.dump(recorded, sys.stdout, indent=1)
    print()


def runs(sizes):
    """[size, how often] pairs."""
    out = []
    for size in sizes:
        if out and out[-1][0] == size:
            out[-1][1] += 1
        else:
            out.append([size, 1])
    return out


if __name__ == "__main__":
    main()
