"""Which of a data set's variants a crowded figure names: the models without passes and the front."""

import pandas as pd

from emopress.measure.deciding import judge_of
from emopress.measure.pareto import pareto_front


def highlighted(table: pd.DataFrame, limit: int) -> list[str]:
    """Return at most `limit` variants in the table's order: models without passes, then the front.

    The front is that of what decides against size. Where it is longer than the room, it is thinned
    evenly along the sizes; its best and its smallest variant stay.
    """
    names = [str(name) for name in table.index]
    roots = [name for name in names if "+" not in name][:limit]
    optimal = pareto_front(
        table["size_bytes"].tolist(), table[judge_of(table).metric.column].tolist()
    )
    front = [name for name, best in zip(names, optimal, strict=True) if best and name not in roots]
    front.sort(key=lambda name: -float(table.loc[name, "size_bytes"]))
    room = limit - len(roots)
    if len(front) > room:
        step = (len(front) - 1) / max(1, room - 1)
        front = [front[round(step * place)] for place in range(room)]
    return [name for name in names if name in {*roots, *front}]
