namespace Calico.EmbeddedStore.Engine;

/// <summary>A sorted map from byte strings that never changes: an update returns a new tree which shares all but one path.</summary>
/// <remarks>That is what makes the engine simple: a commit is computed on a tree nobody sees, published with one reference write once
/// it is on disk and dropped when it is not, while readers keep the tree they started with and take no lock. An AVL tree.</remarks>
internal sealed class KeyTree<TValue> where TValue : class
{
    public static readonly KeyTree<TValue> Empty = new(null, 0);

    private readonly Node? _root;

    private KeyTree(Node? root, int count)
    {
        _root = root;
        Count = count;
    }

    public int Count { get; }

    /// <summary>The tree of entries that are in key order, each key once: as if each had been set, without what that leaves.</summary>
    public static KeyTree<TValue> From(ReadOnlySpan<(byte[] Key, TValue Value)> sorted) => new(Build(sorted), sorted.Length);

    public TValue? Find(ReadOnlySpan<byte> key)
    {
        for (var node = _root; node is not null;)
        {
            var order = key.SequenceCompareTo(node.Key);
            if (order == 0)
            {
                return node.Value;
            }

            node = order < 0 ? node.Left : node.Right;
        }

        return null;
    }

    public KeyTree<TValue> Set(byte[] key, TValue value)
    {
        var added = false;
        var root = Set(_root, key, value, ref added);
        return new KeyTree<TValue>(root, added ? Count + 1 : Count);
    }

    public KeyTree<TValue> Remove(ReadOnlySpan<byte> key)
    {
        var removed = false;
        var root = Remove(_root, key, ref removed);
        return removed ? new KeyTree<TValue>(root, Count - 1) : this;
    }

    /// <summary>The values inside the interval, in key order.</summary>
    public IEnumerable<TValue> Range(KeyInterval interval)
    {
        var path = new Stack<Node>();
        for (var node = _root; node is not null;)
        {
            if (node.Key.AsSpan().SequenceCompareTo(interval.Start) >= 0)
            {
                path.Push(node);
                node = node.Left;
            }
            else
            {
                node = node.Right;
            }
        }

        while (path.TryPop(out var next) && interval.IsBeforeEnd(next.Key))
        {
            yield return next.Value;
            for (var node = next.Right; node is not null; node = node.Left)
            {
                path.Push(node);
            }
        }
    }

    private static Node? Build(ReadOnlySpan<(byte[] Key, TValue Value)> sorted)
    {
        if (sorted.IsEmpty)
        {
            return null;
        }

        var middle = sorted.Length / 2;
        var (key, value) = sorted[middle];
        return new Node(key, value, Build(sorted[..middle]), Build(sorted[(middle + 1)..]));
    }

    private static Node Set(Node? node, byte[] key, TValue value, ref bool added)
    {
        if (node is null)
        {
            added = true;
            return new Node(key, value, null, null);
        }

        var order = key.AsSpan().SequenceCompareTo(node.Key);
        return order switch
        {
            0 => new Node(node.Key, value, node.Left, node.Right),
            < 0 => Balance(node.Key, node.Value, Set(node.Left, key, value, ref added), node.Right),
            _ => Balance(node.Key, node.Value, node.Left, Set(node.Right, key, value, ref added)),
        };
    }

    private static Node? Remove(Node? node, ReadOnlySpan<byte> key, ref bool removed)
    {
        if (node is null)
        {
            return null;
        }

        var order = key.SequenceCompareTo(node.Key);
        if (order != 0)
        {
            var left = order < 0 ? Remove(node.Left, key, ref removed) : node.Left;
            var right = order < 0 ? node.Right : Remove(node.Right, key, ref removed);
            return removed ? Balance(node.Key, node.Value, left, right) : node;
        }

        removed = true;
        if (node.Left is null || node.Right is null)
        {
            return node.Left ?? node.Right;
        }

        var next = node.Right;
        while (next.Left is not null)
        {
            next = next.Left;
        }

        var dropped = false;
        return Balance(next.Key, next.Value, node.Left, Remove(node.Right, next.Key, ref dropped));
    }

    private static Node Balance(byte[] key, TValue value, Node? left, Node? right)
    {
        var lean = Height(left) - Height(right);
        if (lean > 1)
        {
            if (Height(left!.Left) >= Height(left.Right))
            {
                return new Node(left.Key, left.Value, left.Left, new Node(key, value, left.Right, right));
            }

            var middle = left.Right!;
            return new Node(middle.Key, middle.Value, new Node(left.Key, left.Value, left.Left, middle.Left),
                new Node(key, value, middle.Right, right));
        }

        if (lean < -1)
        {
            if (Height(right!.Right) >= Height(right.Left))
            {
                return new Node(right.Key, right.Value, new Node(key, value, left, right.Left), right.Right);
            }

            var middle = right.Left!;
            return new Node(middle.Key, middle.Value, new Node(key, value, left, middle.Left),
                new Node(right.Key, right.Value, middle.Right, right.Right));
        }

        return new Node(key, value, left, right);
    }

    private static int Height(Node? node) => node?.Height ?? 0;

    private sealed class Node(byte[] key, TValue value, Node? left, Node? right)
    {
        public readonly byte[] Key = key;
        public readonly TValue Value = value;
        public readonly Node? Left = left;
        public readonly Node? Right = right;
        public readonly int Height = 1 + Math.Max(KeyTree<TValue>.Height(left), KeyTree<TValue>.Height(right));
    }
}
