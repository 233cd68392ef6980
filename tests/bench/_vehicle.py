"""A day of a vehicle terminal, made from a seed: twenty readings a minute that move as a vehicle's do.

    for t_ms, readings in day(seed): ...

On the road from 06:00 to 22:00 (trips of 40 minutes, breaks of 10), parked at night with the terminal running. Numbers
walk or jump as their sensors do and are rounded as the probes round them; some thirty words change in a day.
"""

import random
from collections.abc import Iterator

PERIOD_MS = 60_000
SAMPLES = 1440
Readings = dict[str, float | int | str | None]


def day(seed: int) -> Iterator[tuple[int, Readings]]:
    """Milliseconds since midnight and the readings, 1,440 times."""
    rng = random.Random(seed)
    cpu, memory, disk, celsius, volts = 14.0, 41.0, 63.2, 38.0, 25.1
    rx = tx = 0
    paper, odometer, satellites = 100.0, 183_211.0, 9.0
    for minute in range(SAMPLES):
        is_on_road = 6 <= minute // 60 < 22 and minute % 50 < 40
        cpu = min(max(cpu + rng.gauss((28 if is_on_road else 9) - cpu, 20) * 0.3, 1), 100)
        memory = min(max(memory + rng.gauss(0, 0.4), 35), 60)
        disk = min(disk + rng.random() * 0.004, 90)
        celsius += ((52 if is_on_road else 33) - celsius) * 0.05 + rng.gauss(0, 0.4)
        volts = (27.4 if is_on_road else 24.9) + rng.gauss(0, 0.12)
        rx += int(rng.expovariate(1 / (90_000 if is_on_road else 9_000)))
        tx += int(rng.expovariate(1 / (40_000 if is_on_road else 6_000)))
        speed = max(rng.gauss(34, 16), 0) if is_on_road else 0.0
        odometer += speed / 60
        satellites = min(max(satellites + rng.choice((-1, 0, 0, 0, 1)), 3), 14)
        paper = paper - (0.06 if is_on_road and rng.random() < 0.5 else 0)
        has_fix = not (is_on_road and rng.random() < 0.004)
        yield (
            minute * PERIOD_MS,
            {
                "host.cpu_percent": round(cpu, 1),
                "host.load_1m": round(cpu / 25, 2),
                "host.memory_percent": round(memory, 1),
                "host.uptime_s": minute * 60 + 4711,
                "disk[/].used_percent": round(disk, 1),
                "disk[/].free_mb": int(14_200 * (100 - disk) / 100),
                "temperature[soc].celsius": round(celsius, 1),
                "net.rx_bytes": rx,
                "net.tx_bytes": tx,
                "net[wwan0].link": "down" if is_on_road and rng.random() < 0.002 else "up",
                "clock.synchronised": "yes",
                "clock.max_error_ms": rng.randrange(3, 60),
                "gnss.fix": "3d" if has_fix else "none",
                "gnss.satellites": int(satellites),
                "gnss.hdop": round(max(0.6, rng.gauss(1.1, 0.3)), 1),
                "power.volts": round(volts, 2),
                "vehicle.speed_kmh": round(speed, 1),
                "vehicle.odometer_km": int(odometer),
                "printer.paper": "ok" if paper > 20 else "near_end",
                "app[ticketing].state": "stopped" if is_on_road and rng.random() < 0.002 else "running",
            },
        )
