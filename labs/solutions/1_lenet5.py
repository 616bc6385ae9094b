# %% exercise 1
def convolved(size: int, kernel: int) -> int:
    return size - kernel + 1


def subsampled(size: int) -> int:
    return size // 2


# %% exercise 2
def of_convolution(maps: int, size: int, inputs: int) -> tuple[int, int]:
    parameters = maps * (25 * inputs + 1)
    return parameters, size * size * parameters


def of_subsampling(maps: int, size: int) -> tuple[int, int]:
    return 2 * maps, 5 * maps * size * size


# %% exercise 3
kernels = sum(len(of_s2) for of_s2 in paper.TABLE_I)
c3 = (25 * kernels + 16, 100 * (25 * kernels + 16))
c3_full = 16 * (6 * 25 + 1)

# %% exercise 4
x = seen["F6_f"][0]
penalties = (BITMAPS - x).square().sum(1)

# %% exercise 5
f6 = 84 * (120 + 1)
layers = [
    of_convolution(6, 28, 1),
    of_subsampling(6, 14),
    c3,
    of_subsampling(16, 5),
    of_convolution(120, 1, 16),
    (f6, f6),
    (0, 840),
]
parameters, connections = (sum(counts) for counts in zip(*layers, strict=True))
