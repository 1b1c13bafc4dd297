"""What an output presents to its registers, in Python integers, without any register's limit."""


def stores(machine, a, w, za, zw, bias):
    """Every value of the accumulator and of the chain, by DATAPATH.md sections 2 and 4."""
    folded = machine.operands.zero_point == "fold"
    if folded:
        products = [x * y for x, y in zip(a, w, strict=True)]
        bias = bias - za * sum(w) + len(a) * za * zw
    else:
        products = [(x - za) * (y - zw) for x, y in zip(a, w, strict=True)]
    total = bias if machine.bias.when == "preload" else 0
    acc, chain = [total], []
    tile = machine.array.rows if machine.chain is not None else 1
    for start in range(0, len(products), tile):
        link = 0
        for one in products[start : start + tile]:
            link += one
            chain.append(link)
        total += link
        acc.append(total)
    if folded and zw:
        total -= zw * sum(a)
        acc.append(total)
    if machine.bias.when == "last":
        acc.append(total + bias)
    return acc, chain
