"""kill -9 at random points: nothing is lost, and the rerun gives what an undisturbed run gives.

`make test-faults` kills 100 times; EMOPRESS_KILLS and EMOPRESS_SEED say how often, and with which seed.
"""

import os
import shutil

from killing import kill_again_and_again

KILLS = int(os.environ.get("EMOPRESS_KILLS", "2"))
SEED = int(os.environ.get("EMOPRESS_SEED", "0"))


def test_nothing_is_lost_and_the_rerun_gives_the_same_files(copied):
    shutil.rmtree(copied.results)
    tally = kill_again_and_again(copied, copied.expected, KILLS, SEED)
    assert tally.trials == KILLS and tally.complete >= 1
    assert tally.losses == []
