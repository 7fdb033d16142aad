from eegdae.layout import Layout
from eegdae.models import Convolution, StackedAutoencoder, ViewStacks, new_stack
from eegdae.models.table import layer_table, table_lines


def test_parameters_by_hand_and_a_total():
    layout = Layout("signals", (2, 9))
    raw = new_stack(layout, hidden=(3,), convolution=Convolution("1d", (4,), 3, 2))
    stacks = ViewStacks(
        {"raw": raw, "power": StackedAutoencoder(6, hidden=(2,), tied=True)},
        StackedAutoencoder(5, hidden=(4,)),
    )
    rows = layer_table(stacks)
    conv, dense = 4 * 2 * 3 + 4 + 2 * 4 * 3 + 2, 20 * 3 * 2 + 3 + 20
    tied, joint = 6 * 2 + 2 + 6, 5 * 4 * 2 + 4 + 5
    assert rows == [
        ("raw", "layer 1", "2 x 9 → 4 x 5 → 2 x 9", conv),
        ("raw", "layer 2", "20 → 3 → 20", dense),
        ("power", "layer 1", "6 → 2 → 6", tied),
        ("fusion", "layer 1", "5 → 4 → 5", joint),
        ("all", "total", "4 codes", conv + dense + tied + joint),
    ]
    assert rows[-1].n_parameters == sum(p.numel() for p in stacks.parameters())


def test_lines_are_of_one_width_and_in_ascii():
    lines = table_lines(layer_table(ViewStacks({"raw": StackedAutoencoder(600, hidden=(128, 9))})))
    assert len({len(line) for line in lines}) == 1
    assert "".join(lines).isascii()
    assert lines[0].split() == ["view", "layer", "shape", "parameters"]
    assert lines[1].split() == ["raw", "layer", "1", "600", "->", "128", "->", "600", "154", "328"]
    assert lines[-1].split()[:4] == ["all", "total", "9", "codes"]
