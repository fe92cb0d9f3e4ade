"""JAX tuned: an epoch is one jitted lax.scan, the data resident, Adam written out.

NumPy draws an epoch's order: jax.random.permutation inside the jit takes longer. optax.adam, unrolling
the scan and one shuffled copy an epoch were tried and are no faster.
--threads 1 holds the process to one core (XLA's own switch for its thread pool does not).
"""

import functools
import os
import time

import common
from common import B1, B2, EPS, LR

p = common.arguments(__doc__)
p.add_argument("--activation", choices=["relu", "gelu"], default="relu")
p.add_argument("--dropout", type=float, default=0.0, metavar="SHARE")
args = p.parse_args()
if args.threads == 1:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402


def init(key, sizes):
    weights = []
    for fan_in, fan_out in zip(sizes, sizes[1:]):
        key, k = jax.random.split(key)
        a = (6.0 / (fan_in + fan_out)) ** 0.5
        weights += [jax.random.uniform(k, (fan_in, fan_out), minval=-a, maxval=a),
                    jnp.zeros(fan_out)]
    return weights


ACTIVATION = {"relu": jax.nn.relu, "gelu": lambda x: jax.nn.gelu(x, approximate=False)}[args.activation]
KEPT = 1 - args.dropout


def logits(w, x, key=None):
    """With a key, some hidden neurons are silent."""
    for i in range(0, len(w) - 2, 2):
        x = ACTIVATION(x @ w[i] + w[i + 1])
        if key is not None and KEPT < 1:
            key, k = jax.random.split(key)
            x = jnp.where(jax.random.bernoulli(k, KEPT, x.shape), x / KEPT, 0)
    return x @ w[-2] + w[-1]


def loss_fn(w, x, y, key=None):
    z = logits(w, x, key)
    loss = -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1).mean()
    return loss, (z.argmax(1) == y).sum()


def adam(w, g, state):
    m, v, t = state
    t = t + 1
    a = LR * jnp.sqrt(1 - B2 ** t) / (1 - B1 ** t)
    m = [B1 * q + (1 - B1) * d for q, d in zip(m, g)]
    v = [B2 * q + (1 - B2) * d * d for q, d in zip(v, g)]
    w = [q - a * mm / (jnp.sqrt(vv) + EPS) for q, mm, vv in zip(w, m, v)]
    return w, (m, v, t)


def main():
    run = common.Run("jax_scan", jax.__version__, args)
    train_x, train_y, test_x, test_y = common.load(args.data)
    X, Y = jax.device_put(common.flat(train_x)), jax.device_put(train_y.astype(np.int32))
    TX, TY = jax.device_put(common.flat(test_x)), jax.device_put(test_y.astype(np.int32))
    n, batch = len(Y), args.batch
    whole = n // batch * batch

    def step(carry, item, X, Y):
        w, state, key, loss_sum, right = carry
        key, k = jax.random.split(key) if KEPT < 1 else (key, None)
        (loss, ok), g = jax.value_and_grad(loss_fn, has_aux=True)(w, X[item], Y[item], k)
        w, state = adam(w, g, state)
        return (w, state, key, loss_sum + loss * len(item), right + ok), None

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def epoch(w, state, key, order, X, Y):
        carry = (w, state, key, jnp.zeros(()), jnp.zeros((), jnp.int32))
        carry, _ = jax.lax.scan(lambda c, i: step(c, i, X, Y), carry,
                                order[:whole].reshape(-1, batch))
        if whole < n:
            carry, _ = step(carry, order[whole:], X, Y)
        return carry

    key, k = jax.random.split(jax.random.key(args.seed))
    w = init(k, [X.shape[1], *args.hidden, 10])
    zeros = lambda: [jnp.zeros_like(q) for q in w]
    state = zeros(), zeros(), jnp.zeros((), jnp.float32)

    losses, accs, rng = [], [], np.random.default_rng(args.seed)
    draw = lambda: rng.permutation(n).astype(np.int32)
    run.train_begins()
    epoch = epoch.lower(w, state, key, draw(), X, Y).compile()
    run.put(compile_s=round(time.perf_counter() - run.t_train, 3))
    run.t_epoch = time.perf_counter()       # compiling is not the first epoch's, but the training's
    for _ in range(args.epochs):
        w, state, key, loss_sum, right = epoch(w, state, key, draw(), X, Y)
        losses.append(float(loss_sum) / n)
        accs.append(int(right) / n)
        run.epoch_ends()
    run.train_ends()
    loss, right = jax.jit(loss_fn)(w, TX, TY)
    run.done(loss, right / len(TY), losses, accs, sum(q.size for q in w))


if __name__ == "__main__":
    main()
