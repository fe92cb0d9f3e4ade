"""PyTorch with its own brakes off: resident tensors, one shuffled copy an epoch, fused Adam.

--mode eager    autograd, optim.Adam(fused=True)
--mode manual   no autograd: the backward pass by hand, out= buffers, torch._fused_adam_
"""

import torch
import torch.nn.functional as F
from torch import nn

import common
from common import B1, B2, EPS, LR


def build(sizes):
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def eager(model, loss_sum, right):
    """A step with autograd."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, betas=(B1, B2), eps=EPS, fused=True)

    def step(x, y):
        z = model(x)
        loss = F.cross_entropy(z, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            loss_sum.add_(loss, alpha=len(y))
            right.add_((z.argmax(1) == y).sum())

    return step


def manual(model, loss_sum, right):
    """A step without it."""
    W = [q.detach() for q in model.parameters()]
    zeros = lambda: [torch.zeros_like(q) for q in W]
    G, M, V, S = zeros(), zeros(), zeros(), [torch.zeros(()) for _ in W]
    last, buffers = len(W) // 2 - 1, {}

    def space(batch):
        if batch not in buffers:
            new = lambda biases: [torch.empty(batch, len(b)) for b in biases]
            buffers[batch] = (new(W[1::2]), new(W[1:-2:2]), torch.arange(batch),
                              torch.full((batch,), -1.0))
        return buffers[batch]

    def step(x, y):
        acts, grads, rows, minus = space(len(y))
        below = x
        for i, h in enumerate(acts):
            torch.addmm(W[2 * i + 1], below, W[2 * i].t(), out=h)
            below = h.relu_() if i < last else h
        logp = torch.log_softmax(below, 1)
        d = logp.exp()
        loss_sum.sub_(logp[rows, y].sum())
        right.add_((below.argmax(1) == y).sum())
        d.index_put_((rows, y), minus, accumulate=True).mul_(1.0 / len(y))
        for i in range(last, -1, -1):
            below = acts[i - 1] if i else x
            torch.mm(d.t(), below, out=G[2 * i])
            torch.sum(d, 0, out=G[2 * i + 1])
            if i:
                d = torch.mm(d, W[2 * i], out=grads[i - 1]).mul_(below > 0)
        torch._foreach_add_(S, 1.0)
        torch._fused_adam_(W, G, M, V, [], S, lr=LR, beta1=B1, beta2=B2, weight_decay=0.0,
                           eps=EPS, amsgrad=False, maximize=False)

    return step


def main():
    p = common.arguments(__doc__)
    p.add_argument("--mode", choices=["eager", "manual"], default="eager")
    p.add_argument("--flush-denormal", action="store_true")
    args = p.parse_args()
    run = common.Run("torch_fast", torch.__version__, args, mode=args.mode,
                     flush_denormal=args.flush_denormal)
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.flush_denormal:
        torch.set_flush_denormal(True)
    torch.manual_seed(args.seed)

    train_x, train_y, test_x, test_y = common.load(args.data)
    X, Y = torch.from_numpy(common.flat(train_x)), torch.tensor(train_y).long()
    TX, TY = torch.from_numpy(common.flat(test_x)), torch.tensor(test_y).long()
    model = build([X.shape[1], *args.hidden, 10])
    n, loss_sum, right = len(Y), torch.zeros(()), torch.zeros((), dtype=torch.long)
    step = {"eager": eager, "manual": manual}[args.mode](model, loss_sum, right)

    losses, accs = [], []
    torch.set_grad_enabled(args.mode == "eager")
    run.train_begins()
    for _ in range(args.epochs):
        order = torch.randperm(n)
        xs, ys = X[order], Y[order]
        for x, y in zip(xs.split(args.batch), ys.split(args.batch)):
            step(x, y)
        losses.append(loss_sum.item() / n)
        accs.append(right.item() / n)
        loss_sum.zero_(), right.zero_()
        run.epoch_ends()
    run.train_ends()
    with torch.inference_mode():
        z = model(TX)
        run.done(F.cross_entropy(z, TY), (z.argmax(1) == TY).float().mean(), losses, accs,
                 sum(q.numel() for q in model.parameters()))


if __name__ == "__main__":
    main()
