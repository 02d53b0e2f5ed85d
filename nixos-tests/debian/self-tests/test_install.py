"""How a container is made out of what Nix rendered."""

import datetime
import unittest
import zoneinfo

from driver.install import time_zone


class TimeZone(unittest.TestCase):
    def test_it_is_day_for_hours_to_come(self):
        for hour in range(24):
            utc = datetime.datetime(2026, 11, 21, hour, 59, tzinfo=datetime.UTC)
            local = utc.astimezone(zoneinfo.ZoneInfo(time_zone(hour)))
            self.assertTrue(6 <= local.hour < 18, f"{hour} h UTC is {local}")


if __name__ == "__main__":
    unittest.main()
