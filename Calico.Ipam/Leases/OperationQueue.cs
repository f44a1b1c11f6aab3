namespace Calico.Ipam;

/// <summary>Operations that wait for the writer, in order.</summary>
internal sealed class OperationQueue
{
    private const int GroupSize = 40;

    private readonly Lock _gate = new();
    private readonly LinkedList<NodeOperation> _waiting = [];
    private Task _taking = Task.CompletedTask;
    private bool _isTaken;

    /// <summary>The taker's last run, for whoever ends it.</summary>
    public Task Taking
    {
        get
        {
            lock (_gate)
            {
                return _taking;
            }
        }
    }

    /// <param name="operation">To wait.</param>
    /// <param name="take">Started when nobody is taking; takes until there is nothing left.</param>
    public void Add(NodeOperation operation, Func<Task> take)
    {
        lock (_gate)
        {
            _waiting.AddLast(operation);
            if (!_isTaken)
            {
                _isTaken = true;
                _taking = Task.Run(take);
            }
        }
    }

    public void Remove(NodeOperation operation)
    {
        lock (_gate)
        {
            _waiting.Remove(operation);
        }
    }

    /// <summary>Puts operations back to the front, in their order.</summary>
    public void PutBack(IReadOnlyList<NodeOperation> operations)
    {
        lock (_gate)
        {
            foreach (var operation in operations.Reverse())
            {
                _waiting.AddFirst(operation);
            }
        }
    }

    /// <summary>Operations in order, without two that are about the same thing. None: the taker is done, and the next is started by
    /// <see cref="Add"/>.</summary>
    public List<NodeOperation> Take()
    {
        lock (_gate)
        {
            var group = new List<NodeOperation>();
            var taken = new HashSet<string>(StringComparer.Ordinal);
            for (var node = _waiting.First; node is not null && group.Count < GroupSize;)
            {
                var (operation, next) = (node.Value, node.Next);
                if (operation.IsExclusive && group.Count > 0)
                {
                    break;
                }

                // The scopes of one that has to wait count too: those behind it must not overtake.
                var isFree = !operation.Scopes.Any(taken.Contains);
                taken.UnionWith(operation.Scopes);
                if (isFree)
                {
                    _waiting.Remove(node);
                    group.Add(operation);
                }

                node = operation.IsExclusive ? null : next;
            }

            _isTaken = group.Count > 0;
            return group;
        }
    }
}
