"""No framework: NumPy, both passes by hand, every buffer reused, Adam in place on one vector."""

import os
import sys

if "--threads" in sys.argv:
    os.environ["OPENBLAS_NUM_THREADS"] = sys.argv[sys.argv.index("--threads") + 1]

import numpy as np  # noqa: E402

import common  # noqa: E402
from common import B1, B2, EPS, LR  # noqa: E402


def kernel():
    """What multiplies matrices, as in `openblas SkylakeX x2`."""
    import threadpoolctl
    return ", ".join(f"{i['internal_api']} {i.get('architecture')} x{i['num_threads']}"
                     for i in threadpoolctl.threadpool_info())


def views(vector, sizes):
    """The vector of all parameters, seen as w1, b1, w2, b2, ..."""
    shapes = [s for a, b in zip(sizes, sizes[1:]) for s in ((a, b), (b,))]
    edges = np.cumsum([0] + [int(np.prod(s)) for s in shapes])
    return [vector[a:b].reshape(s) for a, b, s in zip(edges, edges[1:], shapes)]


def forward(w, x):
    """Probabilities and their logarithms."""
    for i in range(0, len(w) - 2, 2):
        x = x @ w[i]
        x += w[i + 1]
        np.maximum(x, 0, out=x)
    z = x @ w[-2] + w[-1]
    z -= z.max(1, keepdims=True)
    p = np.exp(z)
    s = p.sum(1, keepdims=True)
    p /= s
    return p, z - np.log(s)


class Network:
    """Weights, moments, and the buffers of a step."""

    def __init__(self, rng, sizes):
        self.sizes, self.t, self.buffers = sizes, 0, {}
        total = sum((a + 1) * b for a, b in zip(sizes, sizes[1:]))
        self.W, self.G, self.M, self.V, self.T = (np.zeros(total, np.float32) for _ in range(5))
        self.w, self.g = views(self.W, sizes), views(self.G, sizes)
        for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
            r = (6 / (a + b)) ** 0.5
            self.w[2 * i][...] = rng.uniform(-r, r, (a, b))

    def space(self, batch):
        """Activations, their gradients, ReLU's masks, a column, row numbers; made once a size."""
        if batch not in self.buffers:
            new = lambda width, kind=np.float32: np.empty((batch, width), kind)
            hidden = self.sizes[1:-1]
            self.buffers[batch] = ([new(s) for s in self.sizes[1:]], [new(s) for s in hidden],
                                   [new(s, bool) for s in hidden], new(1), np.arange(batch))
        return self.buffers[batch]

    def step(self, x, y):
        """Trains on a batch; returns the sum of its losses and how many were right."""
        w, g = self.w, self.g
        acts, grads, on, top, rows = self.space(len(y))
        last = len(acts) - 1
        below = x
        for i, h in enumerate(acts):
            np.matmul(below, w[2 * i], out=h)
            np.add(h, w[2 * i + 1], out=h)
            if i < last:
                np.maximum(h, 0, out=h)
            below = h
        z = acts[last]
        np.max(z, axis=1, keepdims=True, out=top)
        np.subtract(z, top, out=z)
        right = np.count_nonzero(z.argmax(1) == y)
        picked = z[rows, y].sum()
        np.exp(z, out=z)
        np.sum(z, axis=1, keepdims=True, out=top)
        loss = float(np.log(top).sum() - picked)
        np.divide(z, top, out=z)
        z[rows, y] -= 1
        np.multiply(z, np.float32(1 / len(y)), out=z)
        d = z
        for i in range(last, -1, -1):
            below = acts[i - 1] if i else x
            np.matmul(below.T, d, out=g[2 * i])
            np.sum(d, axis=0, out=g[2 * i + 1])
            if i:
                np.matmul(d, w[2 * i].T, out=grads[i - 1])
                np.greater(below, 0, out=on[i - 1])
                np.multiply(grads[i - 1], on[i - 1], out=grads[i - 1])
                d = grads[i - 1]
        self.adam()
        return loss, right

    def adam(self):
        W, G, M, V, T = self.W, self.G, self.M, self.V, self.T
        self.t += 1
        a = np.float32(LR * (1 - B2 ** self.t) ** 0.5 / (1 - B1 ** self.t))
        np.multiply(M, np.float32(B1), out=M)
        np.multiply(G, np.float32(1 - B1), out=T)
        np.add(M, T, out=M)
        np.multiply(V, np.float32(B2), out=V)
        np.multiply(G, G, out=G)
        np.multiply(G, np.float32(1 - B2), out=G)
        np.add(V, G, out=V)
        np.sqrt(V, out=T)
        np.add(T, np.float32(EPS), out=T)
        np.divide(M, T, out=T)
        np.multiply(T, a, out=T)
        np.subtract(W, T, out=W)


def main():
    p = common.arguments(__doc__)
    p.add_argument("--save", metavar="FILE", help="write the weights here, as .npz for infer.py")
    args = p.parse_args()
    run = common.Run("numpy_fast", np.__version__, args, blas=kernel())
    rng = np.random.default_rng(args.seed)
    train_x, train_y, test_x, test_y = common.load(args.data)
    X, Y = common.flat(train_x), train_y.astype(np.intp)
    net = Network(rng, [X.shape[1], *args.hidden, 10])

    n, batch = len(Y), args.batch
    losses, accs = [], []
    run.train_begins()
    for _ in range(args.epochs):
        order = rng.permutation(n)
        xs, ys = X[order], Y[order]
        loss_sum, right = 0.0, 0
        for s in range(0, n, batch):
            loss, ok = net.step(xs[s:s + batch], ys[s:s + batch])
            loss_sum, right = loss_sum + loss, right + ok
        losses.append(loss_sum / n)
        accs.append(right / n)
        run.epoch_ends()
    run.train_ends()
    p, logp = forward(net.w, common.flat(test_x))
    if args.save:
        np.savez(args.save, *net.w)
    run.done(-logp[np.arange(len(test_y)), test_y].mean(), (p.argmax(1) == test_y).mean(),
             losses, accs, net.W.size)


if __name__ == "__main__":
    main()
