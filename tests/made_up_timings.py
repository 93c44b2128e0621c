"""Times of three chapters: one reads, one draws at two sizes, one trains on features."""

from deplib.rehearsal.record import Cost, Timing, Timings

READS = Timing("r", "2026-01-02", Cost(12.0, 300_000_000), features=False)
DRAWS = Timing(
    "d", "2026-01-02", Cost(50.0, 500_000_000), features=False, small=Cost(21.0, 400_000_000)
)
TRAINS = Timing(
    "t",
    "2026-01-04",
    Cost(100.0, 900_000_000),
    features=True,
    small=Cost(65.0, 700_000_000),
    again=Cost(15.0, 400_000_000),
)
TIMINGS = Timings(
    machine={"processor": "a processor", "cores": 2, "system": "Linux"},
    versions={"python": "3.11.7", "deplib": "0.1.0"},
    install=50.0,
    features=Cost(230.0, 600_000_000),
    chapters={"draws": DRAWS, "reads": READS, "trains": TRAINS},
)
