#!/usr/bin/env python3
"""Records what lifelines says about competing ends, for tests/engine/survival.rs.

Pinned as in record_lifelines.py, whose environment serves:

    VENV/bin/python tests/tools/record_aalen_johansen.py > tests/fixtures/survival/aalen_johansen.json

The observations come from a fixed seed and the standard library's generator, so
a second run writes the same file. No test needs Python.

Where two ends fall on the same moment lifelines is not the reference: its fitter
moves tied times apart at random. Such sets are recorded by the definition, in
fractions, and say so in `by`; sets without ties are computed both ways, and the
two must agree before anything is recorded.
"""

import json
import random
import sys
from fractions import Fraction
from importlib.metadata import version

import numpy as np
from lifelines import AalenJohansenFitter

PINNED = {"lifelines": "0.30.3", "numpy": "2.4.6", "pandas": "2.3.3", "scipy": "1.17.1"}
SEED = 20260103
MINUTE = 60_000
ENDS = 3
ASKED = [0, 9 * MINUTE, 17 * MINUTE, 60 * MINUTE, 24 * 60 * MINUTE]


def sample(rng, n, means_ms, limit_ms):
    """The first of three exponential ends, followed for a uniform while."""
    out = []
    for _ in range(n):
        times = [int(rng.expovariate(1 / mean)) for mean in means_ms]
        first = min(range(ENDS), key=lambda end: times[end])
        seen = rng.randrange(limit_ms)
        out.append((times[first], first) if times[first] <= seen else (seen, None))
    return out


def apart(observations):
    """The same with every moment once: later ones move on by milliseconds."""
    taken, out = set(), []
    for t, end in observations:
        while t in taken:
            t += 1
        taken.add(t)
        out.append((t, end))
    return out


def data_sets():
    rng = random.Random(SEED)
    means = [20 * MINUTE, 45 * MINUTE, 150 * MINUTE]
    yield "no_censoring", apart(sample(rng, 60, means, 10**12))
    yield "censored", apart(sample(rng, 400, means, 90 * MINUTE))
    yield "short_follow_up", apart(sample(rng, 80, means, 14 * MINUTE))
    yield "one_end_only", apart([(t, 0 if end is not None else None)
                                 for t, end in sample(rng, 50, means, 90 * MINUTE)])
    yield "all_censored", apart([(t, None) for t, _ in sample(rng, 12, means, 90 * MINUTE)])
    yield "heavy_ties", [(t // MINUTE // 3 * MINUTE * 3, end)
                         for t, end in sample(rng, 300, means, 90 * MINUTE)]


def by_definition(observations, until):
    waiting, ended = Fraction(1), [Fraction(0)] * ENDS
    for t in sorted({t for t, _ in observations if t <= until}):
        at_risk = sum(u >= t for u, _ in observations)
        before = waiting
        for end in range(ENDS):
            d = sum(u == t and e == end for u, e in observations)
            ended[end] += before * Fraction(d, at_risk)
            waiting -= before * Fraction(d, at_risk)
    return [float(share) for share in ended], float(waiting)


def fitted(observations):
    times = np.array([t for t, _ in observations], dtype=float)
    codes = np.array([0 if end is None else end + 1 for _, end in observations])
    curves = []
    for end in range(ENDS):
        fitter = AalenJohansenFitter(calculate_variance=False, seed=0)
        fitter.fit(times, codes, event_of_interest=end + 1)
        curves.append(fitter.cumulative_density_.iloc[:, 0])
    return curves


def record(name, observations):
    distinct = sorted({t for t, _ in observations})
    ties = len(distinct) < len(observations)
    any_event = any(end is not None for _, end in observations)
    asked = sorted({*ASKED, *distinct[:: max(1, len(distinct) // 40)], distinct[-1] + 1})
    curves = None if ties or not any_event else fitted(observations)
    at = []
    for t in asked:
        ended, waiting = by_definition(observations, t)
        if curves is not None:
            theirs = [float(c[c.index <= t].iloc[-1]) if t >= c.index[0] else 0.0 for c in curves]
            assert np.allclose(theirs, ended, rtol=0, atol=1e-9), (name, t, theirs, ended)
            ended, waiting = theirs, 1.0 - sum(theirs)
        at.append({"t_ms": t, "ended": ended, "waiting": waiting})
    return {
        "name": name,
        "by": "definition" if curves is None else "lifelines",
        "observations": [[t, end] for t, end in observations],
        "at": at,
    }


def main():
    found = {package: version(package) for package in PINNED}
    if found != PINNED:
        sys.exit(f"recorded with {PINNED}, found {found}")
    sets = [record(name, observations) for name, observations in data_sets()]
    print('{"versions": ' + json.dumps(PINNED) + ', "sets": [')
    print(",\n".join(json.dumps(s, separators=(",", ":")) for s in sets))
    print("]}")


main()
