"""PyTorch as its tutorials write it: TensorDataset, DataLoader, nn.Sequential, Adam."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import common
from common import B1, B2, EPS, LR
from torch_fast import build


@torch.no_grad()
def evaluate(model, loader, loss_fn):
    model.eval()
    loss, right, seen = 0.0, 0, 0
    for x, y in loader:
        z = model(x)
        loss += loss_fn(z, y).item() * len(y)
        right += (z.argmax(1) == y).sum().item()
        seen += len(y)
    return loss / seen, right / seen


def main():
    args = common.arguments(__doc__).parse_args()
    run = common.Run("torch_dataloader", torch.__version__, args)
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    train_x, train_y, test_x, test_y = common.load(args.data)
    as_set = lambda x, y: TensorDataset(torch.tensor(x).float() / 255.0, torch.tensor(y).long())
    train, test = as_set(train_x, train_y), as_set(test_x, test_y)
    train_loader = DataLoader(train, batch_size=args.batch, shuffle=True)
    test_loader = DataLoader(test, batch_size=args.batch)
    model = nn.Sequential(nn.Flatten(), *build([train_x[0].size, *args.hidden, 10]))
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, betas=(B1, B2), eps=EPS)

    losses, accs = [], []
    run.train_begins()
    for _ in range(args.epochs):
        model.train()
        loss_sum, right = 0.0, 0
        for x, y in train_loader:
            optimizer.zero_grad()
            z = model(x)
            loss = loss_fn(z, y)
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(y)
            right += (z.argmax(1) == y).sum().item()
        losses.append(loss_sum / len(train))
        accs.append(right / len(train))
        run.epoch_ends()
    run.train_ends()
    loss, acc = evaluate(model, test_loader, loss_fn)
    run.done(loss, acc, losses, accs, sum(q.numel() for q in model.parameters()))


if __name__ == "__main__":
    main()
