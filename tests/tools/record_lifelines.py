#!/usr/bin/env python3
"""Records what lifelines says about made-up observations, for tests/engine/survival.rs.

Pinned: Python 3.11, lifelines 0.30.3, numpy 2.4.6, pandas 2.3.3, scipy 1.17.1.

    python3 -m venv VENV
    VENV/bin/pip install lifelines==0.30.3 numpy==2.4.6 pandas==2.3.3 scipy==1.17.1
    VENV/bin/python tests/tools/record_lifelines.py > tests/fixtures/survival/lifelines.json

The observations come from a fixed seed and the standard library's generator, so
a second run writes the same file. No test needs Python.

Two places where lifelines is not the reference:

- Bounds where S is 1 or 0. Its formula gives NaN there and the package fills in
  the value itself, a 95 % interval of width zero; null is recorded.
- The median. It compares S <= 0.5 in doubles; recorded is the exact one, from
  fractions, and the two may differ only where the exact S is 1/2.
"""

import json
import random
import sys
from fractions import Fraction
from importlib.metadata import version

import numpy as np
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time

PINNED = {"lifelines": "0.30.3", "numpy": "2.4.6", "pandas": "2.3.3", "scipy": "1.17.1"}
SEED = 20260102
MINUTE = 60_000
HORIZONS = {"fastest": 9 * MINUTE, "mean": 17 * MINUTE}
RMST_HORIZON = 60 * MINUTE
YEAR = 365 * 24 * 60 * MINUTE


def exponential(rng, mean_ms):
    return int(rng.expovariate(1 / mean_ms))


def censored_sample(rng, n, mean_ms, limit_ms):
    """Exponential times, each followed for a uniform while up to `limit_ms`."""
    out = []
    for _ in range(n):
        event, seen = exponential(rng, mean_ms), rng.randrange(limit_ms)
        out.append((min(event, seen), event <= seen))
    return out


def data_sets():
    rng = random.Random(SEED)
    yield "no_censoring", [(exponential(rng, 14 * MINUTE), True) for _ in range(60)]
    yield "all_censored", [(exponential(rng, 30 * MINUTE), False) for _ in range(12)]
    yield "heavy_ties", [
        (rng.randrange(1, 25) * MINUTE, rng.random() < 0.6) for _ in range(200)
    ]
    yield "one_event", [(7 * MINUTE, True)]
    yield "one_censored", [(7 * MINUTE, False)]
    yield "all_events_at_once", [(5 * MINUTE, True)] * 25
    yield "large", censored_sample(rng, 2000, 25 * MINUTE, 120 * MINUTE)
    yield "first_censored", [(1, False)] + [
        (exponential(rng, 20 * MINUTE) + 2, rng.random() < 0.8) for _ in range(40)
    ]
    yield "short_follow_up", censored_sample(rng, 80, 40 * MINUTE, 15 * MINUTE)
    yield "big_times", [
        (rng.randrange(90 * YEAR), rng.random() < 0.7) for _ in range(50)
    ]
    yield "events_at_zero", [(0, True)] * 3 + [(0, False)] * 2 + [
        (exponential(rng, 8 * MINUTE) + 1, rng.random() < 0.5) for _ in range(20)
    ]
    # 27/33, nine censored, then 11/18: exactly one half, in doubles a bit more.
    yield "half_exactly", (
        [(MINUTE, True)] * 6 + [(2 * MINUTE, False)] * 9
        + [(3 * MINUTE, True)] * 7 + [(4 * MINUTE, True)] * 11
    )


def exact_median(observations):
    """The smallest t with S(t) <= 1/2 in fractions, and that S."""
    survival = Fraction(1)
    for t in sorted({t for t, _ in observations}):
        at_risk = sum(u >= t for u, _ in observations)
        events = sum(u == t and observed for u, observed in observations)
        survival *= Fraction(at_risk - events, at_risk)
        if survival <= Fraction(1, 2):
            return t, survival
    return None, None


def record(name, observations):
    random.Random(name).shuffle(observations)
    times = np.array([t for t, _ in observations], dtype=float)
    events = np.array([observed for _, observed in observations], dtype=int)
    kmf = KaplanMeierFitter(alpha=0.05).fit(times, events)

    distinct = sorted({t for t, _ in observations})
    asked = {0, distinct[0], distinct[-1], distinct[-1] + 1, *HORIZONS.values(), RMST_HORIZON}
    # At the steps themselves, just before them, and between them.
    for t in distinct[:: max(1, len(distinct) // 60)]:
        asked |= {t, max(t - 1, 0), t + (distinct[-1] - t) // 2}

    bounds = kmf.confidence_interval_survival_function_

    def at(t):
        survival = float(kmf.predict(t))
        low, high = (None, None)
        if 0 < survival < 1:
            # Bounds hold from their step on, like S.
            row = bounds[bounds.index <= t].iloc[-1]
            high, low = (1 - float(row.iloc[0]), 1 - float(row.iloc[1]))
        return {"t_ms": t, "survival": survival, "low": low, "high": high}

    median, survival_there = exact_median(observations)
    theirs = float(kmf.median_survival_time_)
    assert survival_there == Fraction(1, 2) or theirs == (np.inf if median is None else median), name
    return {
        "name": name,
        # Event times, then the times of the censored.
        "events_ms": [t for t, observed in observations if observed],
        "censored_ms": [t for t, observed in observations if not observed],
        "at": [at(t) for t in sorted(asked)],
        "reviewed_by": {horizon: at(t) for horizon, t in HORIZONS.items()},
        "median_ms": median,
        "rmst_1h_ms": float(restricted_mean_survival_time(kmf, t=RMST_HORIZON)),
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
